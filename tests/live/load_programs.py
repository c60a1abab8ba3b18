# Copyright (c) 2026, the modelops.serving authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the load engine is compared with, and what it is pointed at: wrk, hey, a small server, an NGINX."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from tests.live.envoy_process import free_ports
from tests.support import run

HOST = "127.0.0.1"
START_SECONDS = 20
Result = TypeVar("Result")

# Answers each request at once; the kernel takes connections for it also while it is frozen.
SERVER = """
import asyncio, sys
ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Length: 6\\r\\n\\r\\nhello\\n"
class Server(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
    def data_received(self, data):
        self.transport.write(ANSWER * data.count(b"\\r\\n\\r\\n"))
async def main():
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", int(sys.argv[1]), backlog=1024)
    await server.serve_forever()
asyncio.run(main())
"""

NGINX = """
daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  server {{ listen {host}:{port}; location / {{ return 200 "hello\\n"; }} }}
}}
"""


@dataclass(frozen=True)
class Seen:
    """What a generator reports, in milliseconds; wrk does not say the 95th percentile, so 90 stands beside it."""

    rate: float
    percentiles: dict[int, float]
    slowest: float
    output: str


def first(command: Sequence[str]) -> list[str]:
    """Return a command that other programs on this machine do not hold up, where this user may do so."""
    return ["chrt", "--rr", "1", *command] if may_come_first() else list(command)


@cache
def may_come_first() -> bool:
    """Return whether this user may put a program before all others."""
    return run(["chrt", "--rr", "1", "true"]).status == 0


@contextmanager
def coming_first(priority: int = 1) -> Iterator[None]:
    """Do the same for this thread; a higher priority comes before a lower one."""
    if not may_come_first():
        yield
        return
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(priority))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@contextmanager
def running(command: Sequence[str], port: int) -> Iterator[int]:
    """Run a server until the end of the block, and return its process, which answers on its port by then."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection((HOST, port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, f"{command} ended with {process.returncode}"
                assert time.monotonic() < deadline, f"{command} does not listen on {port}"
                time.sleep(0.02)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def plain_server() -> Iterator[tuple[int, int]]:
    """Run the small server, and return its port and its process."""
    (port,) = free_ports(1)
    with running(first([sys.executable, "-I", "-S", "-c", SERVER, str(port)]), port) as pid:
        yield port, pid


@contextmanager
def nginx(folder: Path) -> Iterator[int]:
    """Run an NGINX of one worker that answers with a constant, and return its port."""
    (port,) = free_ports(1)
    (folder / "nginx.conf").write_text(NGINX.format(host=HOST, port=port))
    command = ["nginx", "-p", f"{folder}/", "-c", "nginx.conf", "-e", "error.log"]
    with running(first(command), port):
        yield port


def frozen(pid: int, *, after: float, seconds: float, meanwhile: Callable[[], Result]) -> Result:
    """Do something, and freeze a process once while it is done."""

    def freeze() -> None:
        # The server and what measures it may have all cores.
        with coming_first(2):
            time.sleep(after)
            os.kill(pid, signal.SIGSTOP)
            time.sleep(seconds)
            os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=freeze)
    thread.start()
    try:
        return meanwhile()
    finally:
        thread.join()


def wrk(port: int, *, seconds: int, connections: int, timeout: int = 2) -> Seen:
    """Measure with one thread of wrk."""
    options = ["-t1", f"-c{connections}", f"-d{seconds}s", f"--timeout={timeout}s", "--latency"]
    output = run(first(["wrk", *options, f"http://{HOST}:{port}/"]), timeout=seconds + 30).require()
    latency = re.search(r"Latency +(\S+) +(\S+) +(\S+)", output)
    rate = re.search(r"Requests/sec: +([0-9.]+)", output)
    assert latency, output
    assert rate, output
    percentiles = {int(each): milliseconds(value) for each, value in re.findall(r"(\d+)% +([0-9.]+[a-z]+)", output)}
    return Seen(float(rate.group(1)), percentiles, milliseconds(latency.group(3)), output)


def hey(port: int, *, seconds: int, rate: int) -> Seen:
    """Measure with one worker of hey, which keeps to a rate as long as answers come."""
    output = run(["hey", "-z", f"{seconds}s", "-c", "1", "-q", str(rate), f"http://{HOST}:{port}/"]).require()
    kept = re.search(r"Requests/sec:\s+([0-9.]+)", output)
    slowest = re.search(r"Slowest:\s+([0-9.]+) secs", output)
    assert kept, output
    assert slowest, output
    percentiles = {int(each): float(value) * 1000 for each, value in re.findall(r"(\d+)%+ in ([0-9.]+) secs", output)}
    return Seen(float(kept.group(1)), percentiles, float(slowest.group(1)) * 1000, output)


def milliseconds(text: str) -> float:
    """Return a duration as wrk writes it."""
    found = re.match(r"([0-9.]+)(us|ms|s)", text)
    assert found, text
    return float(found.group(1)) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found.group(2)]
