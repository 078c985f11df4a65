#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The test bed: namespaces, wires and backends around a gateway, on one machine.

    client 10.71.0.2 ── sl-out ─┐ gw ┌─ sl-in ── bridge (sw) ──┬─ be1 10.72.0.11
                                └────┘                         ├─ be2 10.72.0.12
                                                               └─ be3 10.72.0.13

Every host has an IPv6 address beside it, with the same ends: fd00:71::2, fd00:72::11 and so on.
up(paths=True) puts a bridge into each of the gateway's wires, `out` and `in`: a place for losses that neither
end knows of, and for path.c, which delays and reorders.

Both ends of the gateway are veths without an address: the kernel in `gw` has nothing to answer with, so
every answer that a client sees is the gateway's own. Everything that a run makes is written down in its
private run directory *before* it is made; tearing down reads that record. So a run that was killed is
cleaned up by the next one in the same way in which a run cleans up after itself.

    bed.py up             bring the bed up and print how to use it; lives until `down`
    bed.py down [DIR]     tear down that run, or every run whose owner is gone
"""
import contextlib
import ctypes
import errno
import fcntl
import functools
import glob
import json
import os
import shutil
import signal
import string
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
RUN_GLOB = "/tmp/sluice-run."

CLIENT_IP = "10.71.0.2"
OUTSIDE_IP = "10.71.0.1"
INSIDE_IP = "10.72.0.1"
BACKENDS = {"be1": "10.72.0.11", "be2": "10.72.0.12", "be3": "10.72.0.13"}
CLIENT_IP6 = "fd00:71::2"
OUTSIDE_IP6 = "fd00:71::1"
INSIDE_IP6 = "fd00:72::1"
BACKENDS6 = {"be1": "fd00:72::11", "be2": "fd00:72::12", "be3": "fd00:72::13"}
BACKEND_PORT = 8080
NAMESPACES = ("client", "gw", "sw") + tuple(BACKENDS)
PATHS = ("out", "in")

# The gateway's worker has core 1 for itself; all else shares core 0. On a larger machine the same two
# cores are used, so that figures compare.
GATEWAY_CPU = 1 if (os.cpu_count() or 1) > 1 else 0
OTHER_CPU = 0

HUGEPAGE_DIR = "/sys/kernel/mm/hugepages/hugepages-2048kB"

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_CLONE_NEWNET = 0x40000000


class BedError(Exception):
    """Something that the bed needs did not work; the text says what."""


class ProcessDied(Exception):
    """A server ended by itself: waiting for it is over at once. The text has the end of its log."""


def run(argv, check=True, timeout=60, **kw):
    """Run a command to its end; its output is text. Raises BedError with that output on failure."""
    kw.setdefault("stdout", subprocess.PIPE)
    kw.setdefault("stderr", subprocess.PIPE)
    try:
        done = subprocess.run(argv, timeout=timeout, text=True, preexec_fn=_die_with_parent, **kw)
    except subprocess.TimeoutExpired as e:
        raise BedError(f"{' '.join(argv)}: no end after {timeout} s") from e
    except FileNotFoundError as e:
        raise BedError(f"{argv[0]}: not installed") from e
    if check and done.returncode != 0:
        raise BedError(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout or ''}{done.stderr or ''}")
    return done


def wait_for(ready, seconds, what, every=0.05):
    """Ask ready() until it is true; its last exception or value is in the error when time is up."""
    end = time.monotonic() + seconds
    last = None
    while True:
        try:
            last = ready()
            if last:
                return last
        except (OSError, BedError, ValueError, KeyError, subprocess.SubprocessError) as e:
            last = e
        if time.monotonic() > end:
            raise BedError(f"{what}: not within {seconds} s (last: {last!r})")
        time.sleep(every)


def send_frame(sock, frame):
    """Send one frame by a packet socket. Where the kernel's queue at the other end of a veth is full, the frame
    is lost and send() says ENOBUFS; whoever empties that queue may wait for this core, so it is left to it."""
    for _ in range(1000):
        try:
            sock.send(frame)
            return
        except OSError as e:
            if e.errno != errno.ENOBUFS:
                raise
        time.sleep(0.001)
    raise BedError("a frame could not be sent for a second: the queue of the interface's other end stays full")


def start_time(pid):
    """Start time of a process in clock ticks since boot, or None: tells a pid from its next owner's."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def cpu_seconds(pid):
    """User and system time that a process used, in seconds."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _die_with_parent():
    # A run that is killed with SIGKILL must not leave servers behind.
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


@contextlib.contextmanager
def _hugepages_locked():
    """The kernel's count is read and written in two steps: runs that overlap take turns."""
    with open("/run/sluice-hugepages.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read_int(path):
    with open(path, encoding="ascii") as f:
        return int(f.read())


class Record:
    """What a run has made: one file a kind in the run directory, one item a line, written first."""

    def __init__(self, run_dir):
        self.dir = run_dir

    def add(self, kind, *words):
        with open(os.path.join(self.dir, "made." + kind), "a", encoding="utf-8") as f:
            f.write(" ".join(str(w) for w in words) + "\n")

    def items(self, kind):
        try:
            with open(os.path.join(self.dir, "made." + kind), encoding="utf-8") as f:
                return [line.split() for line in f if line.strip()]
        except FileNotFoundError:
            return []


def tear_down(run_dir):
    """Undo everything in a run's record. Never raises: the next item gets its turn."""
    record = Record(run_dir)
    ours = [(int(pid), int(start)) for pid, start, *_ in record.items("process")]
    for signal_number, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 2.0)):
        alive = [pid for pid, start in ours if start_time(pid) == start]
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal_number)
        end = time.monotonic() + patience
        while alive and time.monotonic() < end:
            for pid in alive:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            alive = [pid for pid, start in ours if start_time(pid) == start]
            time.sleep(0.02)
    for (name,) in record.items("namespace"):
        subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)
    for (path,) in record.items("mount"):
        # Lazily: another DPDK program of the machine may have found our hugetlbfs and put its files
        # there. They stay its own until it ends; the mount itself would otherwise outlive its record.
        subprocess.run(["umount", "-l", path], stderr=subprocess.DEVNULL, check=False)
    for (added,) in record.items("hugepages"):
        # Another run may have reserved its own meanwhile: give back ours, not an old total.
        with contextlib.suppress(OSError), _hugepages_locked():
            now = _read_int(HUGEPAGE_DIR + "/nr_hugepages")
            _write(HUGEPAGE_DIR + "/nr_hugepages", str(max(0, now - int(added))))
    shutil.rmtree(run_dir, ignore_errors=True)


def tear_down_abandoned():
    """Tear down runs whose owner is gone. @return their directories"""
    gone = []
    for run_dir in glob.glob(RUN_GLOB + "*"):
        info = os.lstat(run_dir)
        if info.st_uid != 0 or os.path.islink(run_dir) or not os.path.isdir(run_dir):
            continue
        try:
            with open(os.path.join(run_dir, "owner"), encoding="ascii") as f:
                pid, start = (int(w) for w in f.read().split())
        except (OSError, ValueError):
            # Just being made by another run, unless it is old.
            if time.time() - info.st_mtime < 60:
                continue
            pid, start = 0, 0
        if pid and start_time(pid) == start:
            continue
        tear_down(run_dir)
        gone.append(run_dir)
    return gone


class Bed:
    """One run of the bed. Use as a context manager: leaving it tears everything down."""

    def __init__(self, owner_pid=None, die_with_parent=True):
        if os.geteuid() != 0:
            raise BedError("the test bed makes network namespaces: run it as root")
        for run_dir in tear_down_abandoned():
            print(f"cleaned up after a run that was killed: {run_dir}", file=sys.stderr)
        owner = owner_pid or os.getpid()
        self.dir = tempfile.mkdtemp(prefix="sluice-run.", dir="/tmp")
        _write(self.path("owner"), f"{owner} {start_time(owner)}\n")
        self.record = Record(self.dir)
        self.prefix = f"sl{owner}-"
        self.die_with_parent = die_with_parent
        self.processes = {}
        os.mkdir(self.path("log"))
        os.mkdir(self.path("files"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.down()

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def ns(self, role):
        """Name of the namespace of that role."""
        return self.prefix + role

    # Namespaces and wires.

    def up(self, paths=False):
        """Make the namespaces, wire them and start the backends. @param paths  bridges in the gateway's
        wires, see start_path() and lose()"""
        for role in NAMESPACES + (PATHS if paths else ()):
            self.record.add("namespace", self.ns(role))
            run(["ip", "netns", "add", self.ns(role)])
            run(self.argv(role, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
                "net.ipv6.conf.default.disable_ipv6=1", "net.core.somaxconn=4096",
                "net.ipv4.ip_local_port_range=10000 65000"))
            self.ip(role, "link", "set", "lo", "up")
        if paths:
            self._wire("gw", "sl-out", "out", "gw")
            self._wire("out", "far", "client", "eth0")
            self._wire("gw", "sl-in", "in", "gw")
            self._wire("in", "far", "sw", "gw")
            for path in PATHS:
                self._add_bridge(path, "gw", "far")
        else:
            self._wire("gw", "sl-out", "client", "eth0")
            self._wire("gw", "sl-in", "sw", "gw")
        self.ip("client", "addr", "add", CLIENT_IP + "/24", "dev", "eth0")
        self._add_ipv6("client", CLIENT_IP6)
        for role in BACKENDS:
            self._wire(role, "eth0", "sw", role)
        self._add_bridge("sw", "gw", *BACKENDS)
        for role, address in BACKENDS.items():
            self.ip(role, "addr", "add", address + "/24", "dev", "eth0")
            self._add_ipv6(role, BACKENDS6[role])
        for role in BACKENDS:
            self.start_backend(role)
        return self

    def _add_bridge(self, role, *interfaces):
        # Without STP and its forward delay; multicast snooping would send queries of its own.
        self.ip(role, "link", "add", "br0", "type", "bridge", "stp_state", "0", "forward_delay", "0",
            "mcast_snooping", "0")
        self.ip(role, "link", "set", "br0", "up")
        for interface in interfaces:
            self.ip(role, "link", "set", interface, "master", "br0")

    def set_mtu(self, role, interface, mtu):
        self.ip(role, "link", "set", interface, "mtu", str(mtu))

    def set_queues(self, count):
        """Give the gateway's ends of its wires so many queues; the peers keep one to send by, and what comes
        from there is in the first."""
        for interface in ("sl-out", "sl-in"):
            argv = self.argv("gw", "ethtool", "-L", interface, "rx", str(count), "tx", str(count))
            # AF_XDP sockets hold their queues until the kernel has put them away, a moment after their process.
            wait_for(functools.partial(run, argv), 10, f"{count} queues of {interface}")

    def _wire(self, role_a, if_a, role_b, if_b):
        self.ip(role_a, "link", "add", if_a, "type", "veth", "peer", "name", if_b, "netns",
            self.ns(role_b))
        for role, interface in ((role_a, if_a), (role_b, if_b)):
            # A veth hands half-made packets over (no checksum, 64 KiB segments) and trusts its peer's
            # kernel to finish them. A user-space stack sees them as they are.
            run(self.argv(role, "ethtool", "-K", interface, "tx", "off", "tso", "off", "gso", "off",
                "gro", "off"))
            self.ip(role, "link", "set", interface, "mtu", "1500", "up")

    def _add_ipv6(self, role, address):
        # No router is asked for, no duplicate awaited: the address serves at once.
        run(self.argv(role, "sysctl", "-qw", "net.ipv6.conf.eth0.accept_ra=0",
            "net.ipv6.conf.eth0.router_solicitations=0", "net.ipv6.conf.eth0.disable_ipv6=0",
            "net.ipv6.conf.lo.disable_ipv6=0"))
        self.ip(role, "addr", "add", address + "/64", "dev", "eth0", "nodad")

    def ip(self, role, *args):
        return run(["ip", "-n", self.ns(role), *args])

    def set_kernel_gateway(self, on):
        """Give the gateway's wires kernel addresses (for nginx or HAProxy in Sluice's place) or take
        them away again."""
        for interface, address in (("sl-out", OUTSIDE_IP), ("sl-in", INSIDE_IP)):
            self.ip("gw", "addr", "flush", "dev", interface)
            if on:
                self.ip("gw", "addr", "add", address + "/24", "dev", interface)

    @contextlib.contextmanager
    def inside(self, role):
        """Sockets that this thread opens within the block belong to that role's namespace."""
        with open("/proc/thread-self/ns/net", "rb") as home, \
                open(f"/run/netns/{self.ns(role)}", "rb") as there:
            _setns(there)
            try:
                yield
            finally:
                _setns(home)

    def tcp_counter(self, role, name):
        """One of the kernel's counters of TCP in /proc/net/snmp, since the beginning."""
        names, values = [line.split() for line in self.run(role, "grep", "^Tcp:", "/proc/net/snmp").stdout.splitlines()]
        return int(values[names.index(name)])

    def resets(self):
        """Connections that were reset under the client and the backends."""
        return sum(self.tcp_counter(role, "EstabResets") for role in ("client", *BACKENDS))

    def drop_packets(self, role, percent, hook="input"):
        """Lose that share of a role's packets at random; 0 ends it."""
        run(self.argv(role, "nft", "flush", "ruleset"))
        if percent:
            run(self.argv(role, "nft",
                f"add table inet loss; add chain inet loss c {{ type filter hook {hook} priority 0; }}; "
                f"add rule inet loss c numgen random mod 1000 < {int(percent * 10)} drop"))

    def lose(self, path, percent):
        """Lose that share of the frames on one of PATHS at random, both ways; 0 ends it."""
        run(self.argv(path, "nft", "flush", "ruleset"))
        if percent:
            run(self.argv(path, "nft",
                "add table bridge loss; add chain bridge loss c { type filter hook forward priority 0; }; "
                f"add rule bridge loss c numgen random mod 1000 < {int(percent * 10)} drop"))

    def mark(self, path, percent):
        """Mark that share of the packets on one of PATHS that allow it (ECT(0)) with CE; 0 ends it."""
        run(self.argv(path, "nft", "flush", "ruleset"))
        if percent:
            run(self.argv(path, "nft",
                "add table bridge ce; add chain bridge ce c { type filter hook forward priority 0; };" +
                "".join(f"add rule bridge ce c {ip} ecn ect0 numgen random mod 1000 < {int(percent * 10)} "
                    f"{ip} ecn set ce;" for ip in ("ip", "ip6"))))

    def start_path(self, path, build, **options):
        """Have path.c forward on one of PATHS instead of the bridge; options are its own, delay_us=5000."""
        for interface in ("gw", "far"):
            self.ip(path, "link", "set", interface, "nomaster")
        name = "path-" + path
        self._forget_log(name)
        self.spawn(name, path, os.path.join(build, "tests", "bed", "path"), "gw", "far",
            *(f"--{option.replace('_', '-')}={value}" for option, value in options.items()), cpu=OTHER_CPU)
        wait_for(lambda: "ready" in self.log_tail(name), 10, name)

    def stop_path(self, path):
        """The bridge again. @return what path.c says it did"""
        name = "path-" + path
        if name not in self.processes:
            return ""
        self.stop(name)
        for interface in ("gw", "far"):
            self.ip(path, "link", "set", interface, "master", "br0")
        return self.log_tail(name, 1)

    def start_bridge(self, build, steer, queues=2):
        """Have memif_bridge.c join the gateway's wires to memif ports; steer is its own."""
        self._spawn_bridge(build, "memif_bridge", self.dir, str(queues), steer, "sl-out", "sl-in")

    def _spawn_bridge(self, build, program, *args):
        self._forget_log("bridge")
        self.spawn("bridge", "gw", os.path.join(build, "tests", "bed", program), *args, cpu=OTHER_CPU,
            env={"RUNTIME_DIRECTORY": self.dir})
        wait_for(lambda: "ready" in self.log_tail("bridge"), 10, "bridge")

    def memif_device(self):
        """What settings.config() takes for the gateway's end of start_bridge()."""
        return f"net_memif_{{0}},socket={self.dir}/{{0}}"

    def start_vhost(self, build):
        """Have vhost_bridge.c join the gateway's outer wire to a virtio port. @return the port's device"""
        socket = self.path("vhost.sock")
        self._spawn_bridge(build, "vhost_bridge", socket, "sl-out")
        return f"net_virtio_user_out,path={socket},queues=1,queue_size=1024"

    # Processes.

    def argv(self, role, *argv, cpu=None):
        pin = ["taskset", "-c", str(cpu)] if cpu is not None else []
        return ["ip", "netns", "exec", self.ns(role), *pin, *argv]

    def run(self, role, *argv, cpu=OTHER_CPU, **kw):
        """Run a command in a role's namespace to its end."""
        return run(self.argv(role, *argv, cpu=cpu), **kw)

    def spawn(self, name, role, *argv, cpu=None, env=None, cwd=None):
        """Start a server in a role's namespace; its output goes to log/NAME.log."""
        # With the run's own session, Ctrl-C reaches us alone and we end the servers in order.
        with open(self.log_path(name), "ab") as log:
            process = subprocess.Popen(self.argv(role, *argv, cpu=cpu), stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, cwd=cwd or self.dir,
                env={**os.environ, **(env or {})}, start_new_session=True,
                preexec_fn=_die_with_parent if self.die_with_parent else None)
        self.record.add("process", process.pid, start_time(process.pid) or 0, name)
        self.processes[name] = process
        return process

    def alive(self, name):
        process = self.processes.get(name)
        return process is not None and process.poll() is None

    def stop(self, name, signal_number=signal.SIGTERM, seconds=10):
        """End one server. @return its exit status, negative for a signal"""
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal_number)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
            raise BedError(f"{name} did not end within {seconds} s of signal {signal_number}") from None

    def log_path(self, name):
        return self.path("log", name + ".log")

    def _forget_log(self, name):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.log_path(name))

    def log_tail(self, name, lines=20):
        try:
            with open(self.log_path(name), encoding="utf-8", errors="replace") as f:
                return "".join(f.readlines()[-lines:])
        except OSError:
            return ""

    def print_logs(self, out=sys.stderr, lines=15):
        """The end of every log that is not empty: after a failure, before the run directory goes."""
        for path in sorted(glob.glob(self.path("log", "*.log"))):
            tail = self.log_tail(os.path.basename(path)[:-4], lines)
            if tail:
                print(f"── end of {os.path.basename(path)} ──\n{tail.rstrip()}", file=out)

    # Backends.

    def start_backend(self, role, port=BACKEND_PORT):
        """One nginx: says who it is and what it was sent. See origin.conf.in."""
        prefix = self.path(role)
        os.makedirs(prefix, exist_ok=True)
        with open(os.path.join(HERE, "origin.conf.in"), encoding="utf-8") as f:
            text = string.Template(f.read()).safe_substitute(
                NAME=role, ADDRESS=BACKENDS[role], ADDRESS6=BACKENDS6[role], PORT=port, PREFIX=prefix, FILES=self.path("files"))
        _write(os.path.join(prefix, "nginx.conf"), text)
        self.spawn(role, role, "nginx", "-p", prefix, "-c", os.path.join(prefix, "nginx.conf"),
            "-e", "stderr", cpu=OTHER_CPU)
        self.wait_port(role, BACKENDS[role], port, role)

    def wait_port(self, from_role, address, port, name, seconds=10):
        """Wait until something accepts on that address, seen from a role."""
        def accepts():
            if name is not None and not self.alive(name):
                raise ProcessDied(f"{name} ended at once:\n{self.log_tail(name)}")
            with self.connect(from_role, address, port, timeout=1):
                return True
        wait_for(accepts, seconds, f"{name} on {address}:{port}")

    def connect(self, role, address, port, timeout=10, rcvbuf=None):
        """A connected TCP socket of a role's namespace."""
        import socket
        with self.inside(role):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            sock = socket.socket(family, socket.SOCK_STREAM)
        if rcvbuf:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(timeout)
        try:
            sock.connect((address, port))
        except OSError:
            sock.close()
            raise
        return sock

    def make_file(self, name, size):
        """A file of pseudo-random bytes below the backends' /files/. @return its path"""
        path = self.path("files", name)
        block = os.urandom(1 << 16)
        with open(path, "wb") as f:
            for at in range(0, size, len(block)):
                # The offset in each block: equal blocks would hide a swap.
                piece = at.to_bytes(8, "big") + block[8:]
                f.write(piece[:min(len(piece), size - at)])
        return path

    # Memory.

    def reserve_hugepages(self, pages=512):
        """Make sure that @pages 2 MB pages are free and hugetlbfs is mounted.
        @return "" or the reason why not; the gateway then runs with --no-huge"""
        try:
            with _hugepages_locked():
                free = _read_int(HUGEPAGE_DIR + "/free_hugepages")
                before = _read_int(HUGEPAGE_DIR + "/nr_hugepages")
                if free < pages:
                    self.record.add("hugepages", pages - free)
                    _write(HUGEPAGE_DIR + "/nr_hugepages", str(before + pages - free))
                    got = _read_int(HUGEPAGE_DIR + "/free_hugepages")
                    if got < pages:
                        return f"only {got} of {pages} hugepages could be reserved"
        except OSError as e:
            return f"no hugepages here ({e})"
        with open("/proc/mounts", encoding="utf-8") as f:
            if any(line.split()[2] == "hugetlbfs" for line in f):
                return ""
        mount = self.path("huge")
        os.mkdir(mount)
        self.record.add("mount", mount)
        done = run(["mount", "-t", "hugetlbfs", "-o", "pagesize=2M", "hugetlbfs", mount], check=False)
        return "" if done.returncode == 0 else f"hugetlbfs: {done.stderr.strip()}"

    def down(self):
        """Tear down; safe to call twice. Signals wait until it is done."""
        blockable = threading.current_thread() is threading.main_thread()
        if blockable:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        try:
            if os.path.isdir(self.dir):
                tear_down(self.dir)
            self.processes.clear()
        finally:
            if blockable:
                signal.pthread_sigmask(signal.SIG_UNBLOCK,
                    {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})


def _setns(ns_file):
    if _libc.setns(ns_file.fileno(), _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def exit_on_signals():
    """SIGTERM and SIGHUP end the program like Ctrl-C does: through every `finally` and `with`."""
    def leave(number, _frame):
        raise SystemExit(128 + number)
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in ("up", "down"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    if sys.argv[1] == "down":
        gone = [sys.argv[2]] if len(sys.argv) > 2 else tear_down_abandoned()
        if len(sys.argv) > 2:
            if not os.path.isfile(os.path.join(sys.argv[2], "owner")):
                print(f"{sys.argv[2]}: not a run directory", file=sys.stderr)
                return 1
            tear_down(sys.argv[2])
        print(json.dumps({"down": gone}))
        return 0
    # The shell that asked owns the run: when it is gone, the next run may clean up.
    bed = Bed(owner_pid=os.getppid(), die_with_parent=False)
    try:
        bed.up()
    except BaseException:
        bed.print_logs()
        bed.down()
        raise
    print(json.dumps({"dir": bed.dir, "namespaces": {r: bed.ns(r) for r in NAMESPACES},
        "down": f"{os.path.abspath(__file__)} down {bed.dir}"}, indent=1))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (BedError, ProcessDied) as error:
        print(f"bed: {error}", file=sys.stderr)
        sys.exit(1)
