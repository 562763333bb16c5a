"""The kernel that executes notebooks says nothing of how it is stopped."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import time
from pathlib import Path
from jupyter_client import KernelManager
from analysis.kernel import KERNEL, own_kernel

STOPPED = '''
def stop(*_):
    raise {error}

get_ipython().kernel.shell_handlers["comm_info_request"] = stop
'''

with own_kernel(Path.cwd()):
    manager = KernelManager(kernel_name=KERNEL)
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    for error in ("KeyboardInterrupt", "ArithmeticError"):
        client.execute_interactive(STOPPED.format(error=error), timeout=60)
        client.comm_info()
        client.execute_interactive("pass", timeout=60)  # it answers in order, so the message before has been put down
    time.sleep(2)  # what a kernel writes is passed on by a thread
    client.stop_channels()
    manager.shutdown_kernel()
"""


def test_an_interrupt_while_a_message_is_put_down_is_no_error_and_a_bug_is(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "ArithmeticError" in done.stderr
    assert "KeyboardInterrupt" not in done.stderr
