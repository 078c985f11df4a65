#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`./dev bench gen`: gen.py [--form=ring|memif] and the options of build/bench/gen.

Without --form both forms run, one after the other: `ring`, where the gateway's worker is in the generator's
process, and `memif`, where it is the real sluice-dataplane with the real sluice-control, on core 1, joined
to the generator on core 0 by two memif ports.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("SLUICE_BUILD", os.path.join(HERE, "..", "build"))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "tests", "bed")]

import report  # noqa: E402
from sluice import DEMO_HOST, key_digest, make_certificate  # noqa: E402

GENERATOR = os.path.join(BUILD, "bench", "gen")
MASK = (1 << 64) - 1
TRIES = 4
NEAR_CYCLES = 400  # for a line there and back, within one last-level cache


def mix64(x):
    """As in bench/engine/engine_priv.h."""
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ x >> 30) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ x >> 27) * 0x94D049BB133111EB) & MASK
    return x ^ x >> 31


def key_text(i):
    return f"ak_live_{mix64(2 * i + 1):016x}{mix64(2 * i + 2):016x}"


def config(directory, keys, tls):
    certificates = tls_group = ""
    if tls:
        make_certificate(directory, "shop")
        certificates = ('certificates = ( { name = "shop"; certificate = "shop.pem"; key = "shop.key"; } );')
        tls_group = 'tls: { certificates = [ "shop" ]; };'
    port = f"role=client,socket={directory}/memif.sock,socket-abstract=no,rsize=10"
    consumers = ",\n".join(f'  {{ name = "consumer-{i}"; plan = "open"; '
        f'keys = ( {{ id = "k1"; sha256 = "{key_digest(key_text(i))}"; }} ); }}' for i in range(keys))
    endpoints = ", ".join(f'{{ address = "10.0.1.{11 + i}:8080"; weight = {weight}; }}'
        for i, weight in enumerate((5, 3, 2)))
    return f"""version = 1;
dataplane: {{
  lcores = [ 1 ];
  ports = (
    {{ name = "outside"; device = "net_memif0,id=0,mac=02:00:00:00:ee:00,{port}";
      addresses = [ "10.0.0.1/24" ]; gateways = [ "10.0.0.254" ]; }},
    {{ name = "inside"; device = "net_memif1,id=1,mac=02:00:00:00:ee:01,{port}";
      addresses = [ "10.0.1.1/24" ]; }}
  );
}};
{certificates}
listeners = ( {{ name = "public"; port = "outside"; bind = "10.0.0.1:80"; {tls_group} }} );
backends = ( {{ name = "orders"; balance = "round-robin"; endpoints = ( {endpoints} ); }} );
credentials = ( {{ name = "api_key"; in = "header"; header = "X-API-Key";
  pattern = "^ak_(live|test)_[A-Za-z0-9]{{32}}$"; }} );
apis = ( {{ name = "orders"; version = "v1"; listeners = [ "public" ]; hosts = [ "{DEMO_HOST}" ];
  auth = [ "api_key" ]; routes = ( {{ path = "/v1/orders/*"; backend = "orders"; timeout = "5s"; }} ); }} );
plans = ( {{ name = "open"; apis = [ "orders" ]; limits = ( {{ rate = "1000000/s"; burst = 1000000; }} ); }} );
consumers = (
{consumers}
);
"""


def stop(processes):
    for process in reversed(processes):
        process.terminate()
    for process in processes:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def memif(options, keys):
    """@return (exit status, output)"""
    directory = tempfile.mkdtemp(prefix="sluice-gen-")
    processes = []
    try:
        with open(f"{directory}/sluice.conf", "w", encoding="utf-8") as f:
            f.write(config(directory, keys, "--tls" in options))
        log = open(f"{directory}/log", "w+", encoding="utf-8")
        env = dict(os.environ, RUNTIME_DIRECTORY=directory)
        generator = subprocess.Popen([GENERATOR, "--form=memif", f"--socket-dir={directory}",
            *options], stdout=subprocess.PIPE, text=True, env=env)
        processes.append(generator)
        while not os.path.exists(f"{directory}/memif.sock") and generator.poll() is None:
            time.sleep(0.05)
        socket = f"{directory}/dataplane.sock"
        processes.append(subprocess.Popen([f"{BUILD}/dataplane/sluice-dataplane", "--socket", socket, "--no-huge",
            "--file-prefix", os.path.basename(directory)], stdout=log, stderr=log, env=env))
        processes.append(subprocess.Popen(["taskset", "-c", "0", f"{BUILD}/control/sluice-control",
            "--config", f"{directory}/sluice.conf", "--socket", socket, "--control-socket",
            f"{directory}/control.sock"], stdout=log, stderr=log, env=env))
        output, _ = generator.communicate()
        if generator.returncode:
            log.seek(0)
            sys.stderr.write(log.read()[-4000:])
        return generator.returncode, output
    finally:
        stop(processes)
        shutil.rmtree(directory, ignore_errors=True)


def rows_of(output):
    return json.loads(output) if output else []


def worker_cycles(rows, case):
    """Cycles a request without the port's part, which differs between the forms of a bench."""
    return sum(row["value"] for row in rows
        if row["case"] == case and row["metric"] in ("net", "tcp_in", "proxy", "tcp_out", "timers"))


def value(rows, metric):
    return next((row["value"] for row in rows if row["metric"] == metric), None)


def run(program, options):
    """@return (exit status, rows)"""
    done = subprocess.run([os.path.join(BUILD, "bench", program), *options], stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode, rows_of(done.stdout)


def ring(options):
    """The ring form, and what it should agree with: l7 under the same load. Of several tries the one in which the
    two cores were nearest, as a virtual machine's CPUs move. @return (exit status, rows)"""
    tries = []
    while len(tries) < TRIES and (not tries or value(tries[-1][1], "line_round_trip") > NEAR_CYCLES):
        tries.append(run("gen", options))
        if value(tries[-1][1], "line_round_trip") is None:
            return tries[-1]
    status, rows = min(tries, key=lambda run: value(run[1], "line_round_trip"))
    _, alone = run("l7", [o for o in options if not o.startswith("--rate")])
    cycles = worker_cycles(alone, "custom")
    rows.append(report.row("gen-ring", "closed", "over_l7", "", round(worker_cycles(rows, "closed") / cycles, 3)) if cycles
        else report.unmeasured("gen-ring", "closed", "over_l7", "", "l7 has no row for this load"))
    return status, rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--form", choices=("ring", "memif"))
    parser.add_argument("--keys", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    args, options = parser.parse_known_args()
    options += [f"--keys={args.keys}", "--json"]
    status, rows = 0, []
    if os.cpu_count() < 2:
        rows = [report.unmeasured(f"gen-{form}", "closed", "requests", "1/s", "generator and worker need a CPU each")
            for form in ("ring", "memif") if args.form in (None, form)]
        args.form = "none"
    if args.form in (None, "ring"):
        status, rows = ring(options)
    if args.form in (None, "memif"):
        code, output = memif(options, args.keys)
        status = status or code
        rows += rows_of(output)
    if args.json:
        print(json.dumps(rows, indent=1))
    else:
        for bench in report.ordered(row["bench"] for row in rows):
            print(f"{bench}\n\n{report.table([row for row in rows if row['bench'] == bench])}\n")
    return report.status(rows) or status


if __name__ == "__main__":
    report.run(main, "gen")
