#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sluice beside nginx and HAProxy on the same job: peers.py [--quick] [--json] [--only NAME…]

The job: HTTP/1.1 GET, keep-alive on both sides; find the consumer by its key among 100,000; count it
against the consumer's limit (high enough to refuse nobody); choose one of three backends by weight
5:3:2; add the identity and forwarding headers. No access log anywhere.

Each gateway has core 1 for itself; the client (wrk) and the backends (nginx) share core 0. Rounds are
interleaved, so that a change of the machine's mood hits all systems; medians are reported.

How to read it:
  requests_per_second  bounded by client and backends where client_core_busy_percent nears 100: then only
                       the CPU per request tells the gateways apart.
  cpu_us_per_request   of a second run, in which the kernel's receiving can be told whose it is: on a veth the sender's
                       core does it in the middle of sending, so each would pay for what its peer receives and
                       not for what it receives itself. Here each interface's receiving is a thread (NAPI's): the client's and
                       the backends' on core 0, nginx's and HAProxy's on their core, Sluice's, whose core polls,
                       on core 0. What a gateway's own threads take is its own cost.
                       nginx, HAProxy: user + system time of the process and of these threads.
                       Sluice: cycles of the worker's loops that found work, over the TSC's frequency, as
                       a polling process is always busy; and the time of the threads.
  cycles_per_request   the same in TSC cycles.
  inner_cycles_per_request
                       Sluice without its stages rx and tx, which are system calls in which the kernel plays the NIC;
                       with a NIC's own driver they are a few hundred cycles.
  connections_per_second, cpu_us_per_connection
                       two more runs, in which each request has a connection of its own (Connection: close).
  idle_connections     that had one request each and are kept, on as many processes of nginx and HAProxy as it takes where
                       a process may not have so many files.
  idle_process_bytes, idle_kernel_bytes
                       for each of them, what the gateway's processes grew by, and what the kernel's memory for sockets
                       grew by without the client's half, which is what grew with Sluice, whose connections are
                       not the kernel's. Sluice is on pages of 4 KiB for this: huge ones are there from the start, as
                       nginx's slots for connections are (424 bytes each), which its figure leaves out.
  core, core-release   Sluice's worker by itself, measured in the same rounds by l7 (on the self-driven port, keys-1M; the second
                       is the build of ./dev release, where there is one): what a NIC's driver leaves it to do.
  times_core, times_core_release, times_af_xdp
                       cycles of nginx or HAProxy over those of these two, and of Sluice on the veths.
  waited_percent       share of the time that Sluice was ready to run but another program had its
                       core. Above a few per cent the machine was not quiet and its figures,
                       which are TSC cycles, are too high.
"""
import argparse
import json
import os
import resource
import statistics
import string
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "bed"))

import report  # noqa: E402
from bed import (BACKEND_PORT, BACKENDS, CLIENT_IP, GATEWAY_CPU, OTHER_CPU, OUTSIDE_IP,  # noqa: E402
    Bed, BedError, ProcessDied, cpu_seconds, exit_on_signals, wait_for)
from release import BUILDS  # noqa: E402
from sluice import DEMO_HOST, Sluice, key_digest  # noqa: E402

CORES = {"core": BUILDS["build"], "core-release": BUILDS["release"]}
PATH = "/v1/orders/bench"
KEYS = 100_000
KEYS_USED = 2_000  # in turn; more would only measure wrk's own tables
LISTEN = f"{OUTSIDE_IP}:80"
FILES = min(262_144, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
FILES_SPARE = 2_000  # of a process: for backends, and as the kernel spreads connections unevenly
# HAProxy wants two files for each connection that it may have.
FILES_EACH = {"nginx": 1, "haproxy": 2}
IDLE = 100_000
IDLE_SOURCES = (CLIENT_IP, "10.71.0.3", "10.71.0.4")


def processes_for(connections, files_each=1):
    """How many processes it takes to have so many connections."""
    return -(-connections * files_each // (FILES - FILES_SPARE))


def key_of(i):
    """The i-th consumer's key: the shape of a real one, the same in every run."""
    return f"ak_live_{key_digest(f'bench {i}')[:32]}"


def write_keys(bed):
    """keys.map in nginx's and HAProxy's forms, and the keys that wrk uses."""
    nginx, haproxy = bed.path("nginx"), bed.path("haproxy")
    os.mkdir(nginx)
    os.mkdir(haproxy)
    with open(f"{nginx}/keys.map", "w", encoding="ascii") as a, \
            open(f"{haproxy}/keys.map", "w", encoding="ascii") as b:
        for i in range(KEYS):
            a.write(f"{key_of(i)} consumer-{i};\n")
            b.write(f"{key_of(i)} consumer-{i}\n")
    with open(bed.path("keys.txt"), "w", encoding="ascii") as f:
        for i in range(0, KEYS, KEYS // KEYS_USED):
            f.write(key_of(i) + "\n")


def fill(bed, template, out, prefix):
    with open(os.path.join(HERE, "peers", template), encoding="utf-8") as f:
        text = string.Template(f.read()).safe_substitute(PREFIX=prefix, LISTEN=LISTEN,
            FILES=FILES, MAXCONN=FILES // 2 - 100,
            **{role.upper(): f"{address}:{BACKEND_PORT}" for role, address in BACKENDS.items()})
    with open(out, "w", encoding="utf-8") as f:
        f.write(text)


def listeners(pid, port):
    """Sockets in the process's namespace that listen on the port."""
    with open(f"/proc/{pid}/net/tcp", encoding="ascii") as f:
        rows = [line.split() for line in f][1:]
    return sum(row[3] == "0A" and int(row[1].split(":")[1], 16) == port for row in rows)


def napi_threads():
    """@return {pid: name} of the kernel's threads that receive for an interface"""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii", errors="replace") as f:
                name = f.read().strip()
        except OSError:
            continue  # it ended
        if name.startswith("napi/"):
            found[int(pid)] = name
    return found


class Receiving:
    """Interfaces whose receiving is threads on a core meanwhile. @param ends  (role, interface) each"""

    def __init__(self, bed, ends, cpu):
        self.bed, self.ends, self.cpu, self.pids = bed, ends, cpu, []

    def __enter__(self):
        before = napi_threads()
        try:
            for role, interface in self.ends:
                # Without it a veth has no NAPI, but where a program of AF_XDP is on it.
                self.bed.run(role, "ethtool", "-K", interface, "gro", "on")
                self._set(role, interface, 1)
            self.pids = sorted(napi_threads().keys() - before.keys())
            if len(self.pids) < len(self.ends):
                raise BedError(f"{self.ends}: the kernel made {len(self.pids)} threads that receive")
            for pid in self.pids:
                os.sched_setaffinity(pid, {self.cpu})
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for role, interface in self.ends:
            self._set(role, interface, 0)
            self.bed.run(role, "ethtool", "-K", interface, "gro", "off")

    def _set(self, role, interface, on):
        self.bed.run(role, "sh", "-c", f"echo {on} > /sys/class/net/{interface}/threaded")

    def cpu_seconds(self):
        return sum(cpu_seconds(pid) for pid in self.pids)


class Peer:
    """A gateway over the kernel's sockets. @param processes  of it, between which the kernel chooses"""

    receive_cpu = GATEWAY_CPU

    def __init__(self, bed, name, processes=1):
        self.bed, self.name = bed, name
        self.names = [name] + [f"{name}-{i}" for i in range(1, processes)]

    def start(self):
        prefix = self.bed.path(self.name)
        if self.name == "nginx":
            conf = f"{prefix}/nginx.conf"
            fill(self.bed, "nginx.conf.in", conf, prefix)
            argv = ["nginx", "-p", prefix, "-c", conf, "-e", "stderr"]
        else:
            conf = f"{prefix}/haproxy.cfg"
            fill(self.bed, "haproxy.cfg.in", conf, prefix)
            argv = ["haproxy", "-db", "-f", conf]
        self.bed.set_kernel_gateway(True)
        self.processes = [self.bed.spawn(name, "gw", *argv, cpu=GATEWAY_CPU) for name in self.names]
        self.bed.wait_port("client", OUTSIDE_IP, 80, self.name, seconds=30)
        wait_for(lambda: listeners(self.processes[0].pid, 80) == len(self.processes), 30,
            f"{len(self.processes)} processes of {self.name} that listen")

    def stop(self):
        for name in self.names:
            self.bed.stop(name)
        self.bed.set_kernel_gateway(False)

    def pids(self):
        return [process.pid for process in self.processes]

    def reading(self):
        pid, = self.pids()
        return {"cpu_s": cpu_seconds(pid)}


class SluicePeer:
    name = "sluice"
    receive_cpu = OTHER_CPU

    def __init__(self, bed, hugepages=True):
        self.gateway = Sluice(bed, access_log=False, hugepages=hugepages)
        self.gateway.write_config(sluice_config())

    def start(self):
        self.gateway.start()

    def stop(self):
        self.gateway.stop()

    def pids(self):
        return [self.gateway.bed.processes["dataplane"].pid]

    def reading(self):
        stats = self.gateway.stats()
        return {"cpu_s": stats.busy_cycles() / stats.tsc_hz(),
            "inner_cycles": stats.busy_cycles(without=("rx", "tx")),
            "waited_s": waited_seconds(*self.pids())}


def sluice_config():
    consumers = ",\n".join(
        f'  {{ name = "consumer-{i}"; plan = "open"; keys = ( {{ id = "k1"; sha256 = "{key_digest(key_of(i))}"; }} ); }}'
        for i in range(KEYS))
    endpoints = ", ".join(f'{{ address = "{address}:{BACKEND_PORT}"; weight = {weight}; }}'
        for address, weight in zip(BACKENDS.values(), (5, 3, 2)))
    with open(os.path.join(HERE, "peers", "sluice.conf.in"), encoding="utf-8") as f:
        return string.Template(f.read()).substitute(CPU=GATEWAY_CPU, HOST=DEMO_HOST, CONSUMERS=consumers,
            ENDPOINTS=endpoints)


def core_seconds(cpu):
    """Time that a core was not idle: user, nice, system, irq, softirq."""
    with open("/proc/stat", encoding="ascii") as f:
        for line in f:
            words = line.split()
            if words[0] == f"cpu{cpu}":
                user, nice, system, _idle, _iowait, irq, softirq = (int(w) for w in words[1:8])
                return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
    raise BedError(f"no cpu{cpu} in /proc/stat")


def waited_seconds(pid):
    """Time that the process's threads waited for a core while they were ready to run."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
            total += int(f.read().split()[1])
    return total / 1e9


def tsc_hz():
    """The TSC's frequency, measured by the kernel: what BogoMIPS is on x86, halved."""
    with open("/proc/cpuinfo", encoding="ascii") as f:
        for line in f:
            if line.lower().startswith("bogomips"):
                return float(line.split(":")[1]) * 1e6 / 2
    return 0.0


def load(bed, seconds, connections, close=False):
    """One run of wrk. @param close  a connection for each request  @return its figures"""
    done = bed.run("client", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s",
        os.path.join(HERE, "peers", "keys.lua"), f"http://{LISTEN}{PATH}", timeout=seconds + 60,
        env={**os.environ, "KEYS_FILE": bed.path("keys.txt"), "REQUEST_PATH": PATH,
            "CLOSE": "1" if close else ""})
    for line in done.stdout.splitlines():
        if line.startswith("JSON "):
            return json.loads(line[5:])
    raise BedError(f"wrk printed no figures:\n{done.stdout}{done.stderr}")


def check_job(bed, name):
    """The right key gets through with the consumer's name added, a wrong one does not: a system that
    skips its job would win."""
    def curl(key):
        return bed.run("client", "curl", "-s", "-m", "5", "-w", "\n%{http_code}", "-H",
            f"Host: {DEMO_HOST}", "-H", f"X-API-Key: {key}", f"http://{LISTEN}{PATH}").stdout
    good, bad = curl(key_of(50)), curl("ak_live_" + "0" * 32)
    if '"consumer":"consumer-50"' not in good or not good.endswith("200") or not bad.endswith("401"):
        raise BedError(f"{name} does not do the job: {good!r}, {bad!r}")


def load_checked(bed, system, *args, **kw):
    run = load(bed, *args, **kw)
    if run["errors"] or run["bad_status"]:
        raise BedError(f"{system.name}: errors under load: {run}")
    return run


def measure_cost(bed, system, seconds, connections):
    """What a request and a connection take of CPUs, see cpu_us_per_request above. @return columns"""
    with Receiving(bed, (("client", "eth0"), ("sw", "gw")), OTHER_CPU), \
            Receiving(bed, (("gw", "sl-out"), ("gw", "sl-in")), system.receive_cpu) as own:
        def reading():
            now = system.reading()
            return now | {"cpu_s": now["cpu_s"] + own.cpu_seconds()}
        load(bed, 1, connections)
        before = reading()
        result = load_checked(bed, system, seconds, connections)
        after = reading()
        churn = load_checked(bed, system, seconds, connections, close=True)
        churn_cpu_s = reading()["cpu_s"] - after["cpu_s"]
    row = {"cpu_us_per_request": (after["cpu_s"] - before["cpu_s"]) * 1e6 / result["requests"]}
    row["cycles_per_request"] = row["cpu_us_per_request"] * tsc_hz() / 1e6
    if "inner_cycles" in before:
        row["inner_cycles_per_request"] = (after["inner_cycles"] - before["inner_cycles"]) / result["requests"]
        row["waited_percent"] = (after["waited_s"] - before["waited_s"]) * 100 / result["seconds"]
    row["cpu_us_per_connection"] = churn_cpu_s * 1e6 / churn["requests"]
    return row


def measure(bed, system, seconds, connections):
    system.start()
    try:
        check_job(bed, system.name)
        load(bed, 1, connections)  # connections to the backends, caches
        before = core_seconds(OTHER_CPU)
        result = load_checked(bed, system, seconds, connections)
        busy = core_seconds(OTHER_CPU) - before
        churn = load_checked(bed, system, seconds, connections, close=True)
        cost = measure_cost(bed, system, seconds, connections)
    finally:
        system.stop()
    return {
        "requests_per_second": result["requests"] / result["seconds"],
        "latency_p50_us": result["p50_us"],
        "latency_p99_us": result["p99_us"],
        "client_core_busy_percent": busy * 100 / result["seconds"],
        "connections_per_second": churn["requests"] / churn["seconds"],
    } | cost


def resident_kib(pids):
    """The processes' own memory, huge pages and what they share with nobody but their like included."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            total += sum(int(line.split()[1]) for line in f if line.startswith(("VmRSS:", "HugetlbPages:")))
    return total


def socket_kib():
    """What the kernel keeps sockets in: its slabs."""
    with open("/proc/meminfo", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("Slab:"))


class Holders:
    """Processes that open @p count connections, have a request answered on each, and keep them."""

    def __init__(self, bed, count):
        head = f"GET {PATH} HTTP/1.1\\r\\nHost: {DEMO_HOST}\\r\\nX-API-Key: {key_of(50)}\\r\\n\\r\\n"
        n = processes_for(count)
        self.shares = [(i + 1) * count // n - i * count // n for i in range(n)]
        self.bed, self.head, self.processes = bed, head, []

    def hold(self):
        """@return whether all were opened"""
        for share in self.shares:
            argv = self.bed.argv("client", sys.executable, os.path.join(HERE, "peers", "hold.py"), LISTEN, str(share),
                self.head, *IDLE_SOURCES, cpu=OTHER_CPU)
            self.processes.append(subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            if self.processes[-1].stdout.readline() != f"held {share}\n":
                return False
        return True

    def still_open(self):
        """Let them go. @return how many were open until now"""
        total = 0
        for process in self.processes:
            process.stdin.close()
            total += int(process.stdout.readline().split()[-1])
        return total

    def kill(self):
        for process in self.processes:
            process.kill()
            process.wait()


def hold_idle(bed, system, count):
    """@return bytes of each connection: (of the gateway's processes, of sockets on both sides)"""
    holders = Holders(bed, count)
    system.start()
    try:
        check_job(bed, system.name)
        process, sockets = resident_kib(system.pids()), socket_kib()
        if not holders.hold():
            raise BedError(f"{system.name}: {count} connections could not be opened")
        grown = tuple(1024 * kib / count
            for kib in (resident_kib(system.pids()) - process, socket_kib() - sockets))
        still = holders.still_open()
    finally:
        holders.kill()
        system.stop()
    if still != count:
        raise BedError(f"{system.name}: of {count} connections {still} stayed open")
    return grown


def idle_rows(bed, missing, systems, count):
    """Memory of idle connections, by system."""
    for address in IDLE_SOURCES[1:]:
        bed.ip("client", "addr", "add", f"{address}/24", "dev", "eth0")
    for role in ("client", "gw"):
        bed.run(role, "sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65535")
    grown = {}
    for system in systems:
        print(f"{count} idle connections: {system.name}", file=sys.stderr)
        rows = {system.name: []}
        take(missing, rows, system.name, lambda s=system: hold_idle(bed, s, count))
        if rows[system.name]:
            grown[system.name] = rows[system.name][0]
    client = grown["sluice"][1] if "sluice" in grown else None
    return {name: {"idle_connections": count, "idle_process_bytes": process} |
        ({"idle_kernel_bytes": sockets - client} if client is not None else {})
        for name, (process, sockets) in grown.items()}


def measure_core(build, seconds):
    """Sluice's worker alone. @return a row"""
    done = subprocess.run([os.path.join(build, "bench", "l7"), "--json", "--keys=1000000", f"--seconds={seconds}"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise BedError(f"l7 failed: {done.stderr}")
    value = {row["metric"]: row["value"] for row in json.loads(done.stdout)}
    return {"requests_per_second": value["requests"], "cycles_per_request": value["cycles"],
        "cpu_us_per_request": value["cycles"] / tsc_hz() * 1e6}


def take(missing, rows, name, run):
    """Add a round's row of @p name, or write down why there is none: the others go on."""
    try:
        rows[name].append(run())
    except (BedError, ProcessDied) as error:
        print(f"{name}: {error}", file=sys.stderr)
        missing[name] = f"failed: {error}" if isinstance(error, ProcessDied) else str(error)


def compare(medians):
    """Add what the targets are about."""
    for name in medians.keys() & {"nginx", "haproxy"}:
        for metric, other in (("times_core", "core"), ("times_core_release", "core-release"),
                ("times_af_xdp", "sluice")):
            if other in medians:
                medians[name][metric] = medians[name]["cycles_per_request"] / medians[other]["cycles_per_request"]


TARGETS = {("nginx", "times_core"): 20, ("nginx", "times_core_release"): 20, ("haproxy", "times_core"): 30,
    ("haproxy", "times_core_release"): 30, ("nginx", "times_af_xdp"): 2.5}
UNITS = {
    "requests_per_second": "1/s", "latency_p50_us": "us", "latency_p99_us": "us",
    "cpu_us_per_request": "us", "cycles_per_request": "cycles",
    "inner_cycles_per_request": "cycles", "waited_percent": "%",
    "client_core_busy_percent": "%", "connections_per_second": "1/s", "cpu_us_per_connection": "us",
    "idle_connections": "", "idle_process_bytes": "bytes", "idle_kernel_bytes": "bytes",
    "times_core": "", "times_core_release": "", "times_af_xdp": "",
}


def print_table(systems, medians, rounds, seconds, connections):
    print(f"{connections} connections, {rounds} interleaved rounds of {seconds} s, medians; "
        f"TSC {tsc_hz() / 1e9:.2f} GHz")
    print(f"{'':25}" + "".join(f"{name:>13}" for name in systems))
    for metric, unit in UNITS.items():
        cells = "".join(f"{medians[n][metric]:13.1f}" if metric in medians[n] else f"{'–':>13}"
            for n in systems)
        print(f"{metric:25}{cells}  {unit}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="1 round of 2 s: does it run?")
    parser.add_argument("--json", action="store_true", help="one list of flat rows")
    parser.add_argument("--only", nargs="+", choices=("sluice", "nginx", "haproxy"))
    parser.add_argument("--connections", type=int, default=32)
    args = parser.parse_args()
    rounds, seconds, idle_count = (1, 2, 5_000) if args.quick else (3, 5, IDLE)
    names = args.only or ["sluice", "nginx", "haproxy"]
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    exit_on_signals()
    with Bed() as bed:
        try:
            bed.up()
            write_keys(bed)
            systems = [SluicePeer(bed) if n == "sluice" else Peer(bed, n) for n in names]
            cores = {n: build for n, build in CORES.items() if os.path.exists(os.path.join(build, "bench", "l7"))}
            rows, missing = {n: [] for n in names + list(cores)}, {}
            for turn in range(rounds):
                for system in systems:
                    if not args.json:
                        print(f"round {turn + 1} of {rounds}: {system.name}", file=sys.stderr)
                    take(missing, rows, system.name, lambda s=system: measure(bed, s, seconds, args.connections))
                    time.sleep(0.2)
                for name, build in cores.items():
                    take(missing, rows, name, lambda b=build: measure_core(b, 1 if args.quick else 3))
            idle = idle_rows(bed, missing, [SluicePeer(bed, hugepages=False) if n == "sluice" else
                Peer(bed, n, processes_for(idle_count, FILES_EACH[n])) for n in names], idle_count)
        except BaseException as e:
            if not isinstance(e, KeyboardInterrupt):
                bed.print_logs()
            raise
    medians = {n: {m: statistics.median(r[m] for r in rows[n]) for m in rows[n][0]} | idle.get(n, {})
        for n in rows if rows[n]}
    compare(medians)
    found = [report.row("peers", n, m, UNITS[m], round(v, 2), at_least=TARGETS.get((n, m)))
        for n in medians for m, v in medians[n].items()]
    found += [report.unmeasured("peers", n, "requests_per_second", "1/s", why) for n, why in missing.items()]
    if args.json:
        print(json.dumps(found, indent=1))
    else:
        print_table(list(medians), medians, rounds, seconds, args.connections)
        for name, why in missing.items():
            print(f"{name}, a round or more: {why}")
    return report.status(found)


if __name__ == "__main__":
    report.run(main, "peers", (BedError, ProcessDied))
