"""Features of a data set of any size: computed by one process or many, kept in files, resumed after a kill.

A folder holds `LAYER.npy` (n, d) for each layer, to be opened with `numpy.load(..., mmap_mode="r")`, the sample ids of
its rows in `ids.txt`, and `manifest.json`, which says what it was made of. On the CPU its numbers depend neither on the
number of processes nor on interruptions, bit for bit, by construction:

* The batches are fixed by the batch size alone. Whole batches are shared out, and whole batches are computed again after a
  kill: every image meets the same neighbours in every run, and a matrix product of other shape may round differently.
* Each process computes on one thread: how many threads share a sum may change its rounding as well. More cores are used
  by more processes.

Images are read batch by batch, one batch ahead of the network, so memory holds two batches and the ids, whatever n is.
"""

from analysis.extraction.job import Job, extract_to

__all__ = ["Job", "extract_to"]
