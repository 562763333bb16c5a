"""What is known of a file of the web; `fetch` fetches it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Remote:
    """A file of the web, and its place here.

    Attributes:
        owner: the data set or the encoder that it belongs to.
        target: where it goes.
        url: its address.
        digest: `md5:...` or `sha256:...`, or the first digits of it; "" where its publisher states none.
    """

    owner: str
    target: Path
    url: str
    digest: str = ""
