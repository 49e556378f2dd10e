"""vLLM's own server on loopback, for tests of whoever speaks to a server."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SETTINGS = {"VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "WARNING", "VLLM_CPU_KVCACHE_SPACE": "1"}


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False


@contextmanager
def served(folder: Path, name: str, *options: str, log: Path, python: str = sys.executable) -> Iterator[str]:
    """Serve the model of a folder under a name; gives the address for an openai client. ``options``: of `vllm serve`.

    ``python``: an interpreter that has vLLM. Raises RuntimeError, with the end of ``log``, where the server does not come
    up in five minutes.
    """
    port, how = _free_port(), ["--host", "127.0.0.1", "--enforce-eager", "--dtype", "float32", *options]
    server = [python, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder), "--served-model-name", name]
    with log.open("w") as out:
        process = subprocess.Popen(
            [*server, "--port", str(port), *how],
            stdout=out,
            stderr=out,
            env=os.environ | SETTINGS,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + 300
        while not _answers(f"http://127.0.0.1:{port}/health"):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"vLLM's server did not come up: {log.read_text()[-2000:]}")
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def counted(address: str) -> dict[str, int]:
    """What the server itself has counted: tokens told and said, replies to their end, requests under way."""
    with urllib.request.urlopen(address.removesuffix("/v1") + "/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()

    def total(name: str, *, but: str = "\n") -> int:
        return sum(int(float(x.split()[-1])) for x in lines if x.startswith(f"vllm:{name}{{") and but not in x)

    return {
        "prompt": total("prompt_tokens_total"),
        "sampled": total("generation_tokens_total"),
        "replies": total("request_success_total", but='"abort"'),
        "running": total("num_requests_running") + total("num_requests_waiting"),
    }


def idle(address: str) -> dict[str, int]:
    """The counts, once nothing is under way."""
    until = time.monotonic() + 60
    while (found := counted(address))["running"]:
        assert time.monotonic() < until
        time.sleep(0.1)
    return found


def difference(after: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    """What was counted in between."""
    return {key: after[key] - before[key] for key in after}
