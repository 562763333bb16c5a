"""The kernel that executes notebooks says nothing of how it is stopped."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client import BlockingKernelClient, KernelManager

from analysis.kernel import KERNEL, own_kernel

INTERRUPTED = """
def stop(*_):
    raise {error}

get_ipython().kernel.shell_handlers["comm_info_request"] = stop
"""


@pytest.fixture
def client(tmp_path: Path) -> Iterator[BlockingKernelClient]:
    with own_kernel(tmp_path):
        manager = KernelManager(kernel_name=KERNEL)
        manager.start_kernel()
        client = manager.client()
        client.start_channels()
        client.wait_for_ready(timeout=60)
        yield client
        client.stop_channels()
        manager.shutdown_kernel()


@pytest.mark.parametrize(("error", "told"), [("KeyboardInterrupt", False), ("ArithmeticError", True)])
def test_an_interrupt_while_a_message_is_put_down_is_no_error_and_a_bug_is(
    client: BlockingKernelClient, capfd: pytest.CaptureFixture[str], error: str, told: bool
) -> None:
    client.execute_interactive(INTERRUPTED.format(error=error), timeout=60)
    client.comm_info()
    client.execute_interactive("pass", timeout=60)  # it answers in order, so the message before has been put down
    assert (error in capfd.readouterr().err) is told
