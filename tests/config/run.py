#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The configuration ring: good files pass, and so do the examples of the documentation; bad ones give exactly
the messages beside them. Prints TAP.

    run.py SLUICECTL SOURCE-ROOT [--update]

A good file may have a NAME.expected with the warnings that it gives. Certificates are made anew for each
run; keys in a source tree would only teach bad habits. --update writes what bad files give now into
their .expected files: read the difference before you believe it.
"""
import difflib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

import examples

EXAMPLES = ("full.conf", "quickstart.conf")  # in conf/


def openssl(*argv):
    subprocess.run(["openssl", *argv], check=True, capture_output=True)


def make_expired(directory, path):
    """A certificate of last year, for the key of the demo: `openssl req` knows no dates, `openssl ca` does."""
    with open(path("ca.conf"), "w", encoding="ascii") as f:
        f.write(f"[ca]\ndefault_ca = it\n[it]\ndatabase = {path('index')}\nnew_certs_dir = {directory}\n"
            "rand_serial = yes\ndefault_md = sha256\npolicy = any\nx509_extensions = names\n"
            "[any]\ncommonName = supplied\n[names]\nsubjectAltName = DNS:expired.example\n")
    with open(path("index"), "w", encoding="ascii"):
        pass
    openssl("req", "-new", "-key", path("demo.key"), "-subj", "/CN=expired", "-out", path("expired.csr"))
    openssl("ca", "-batch", "-notext", "-config", path("ca.conf"), "-selfsign", "-keyfile", path("demo.key"), "-in",
        path("expired.csr"), "-startdate", "200101000000Z", "-enddate", "200201000000Z", "-out", path("expired.pem"))


def make_certificates(directory):
    os.makedirs(directory)
    path = lambda name: os.path.join(directory, name)
    for name, host, days in (("demo", "api.shop.example", "30"), ("other", "other.example", "30"),
            ("soon", "soon.example", "1")):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", days,
            "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host},DNS:*.{host.partition('.')[2]}", "-keyout", path(name + ".key"),
            "-out", path(name + ".pem"))
    openssl("req", "-x509", "-key", path("demo.key"), "-days", "30", "-subj", "/CN=nobody", "-out",
        path("nameless.pem"))
    make_expired(directory, path)
    openssl("pkey", "-in", path("demo.key"), "-aes256", "-passout", "pass:secret", "-out", path("encrypted.key"))
    make_chains(path)
    make_kinds(path)
    with open(path("demo.pem"), encoding="ascii") as f:
        chain = f.read()
    with open(path("damaged.pem"), "w", encoding="ascii") as f:
        f.write(chain + chain[:len(chain) // 2] + "\n-----END CERTIFICATE-----\n")


EXTENSIONS = """[ca]
basicConstraints = critical, CA:TRUE
[server]
subjectAltName = DNS:chain.example
[client]
subjectAltName = DNS:client.example
extendedKeyUsage = clientAuth
[serving]
subjectAltName = DNS:serving.example
extendedKeyUsage = serverAuth
"""


def make_issued(path, name, issuer, section, *options):
    """A certificate @name of the issuer's, for a key of its own."""
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
        "-keyout", path(name + ".key"), "-out", path(name + ".csr"))
    openssl("x509", "-req", "-in", path(name + ".csr"), "-CA", path(issuer + ".pem"), "-CAkey", path(issuer + ".key"),
        "-set_serial", str(1 + len(name) + 256 * len(issuer)), "-days", "30", "-extfile", path("extensions"), "-extensions", section,
        "-out", path(name + ".pem"), *options)


def make_chains(path):
    """What a root issued, over one certificate between, in the right order and in wrong ones."""
    with open(path("extensions"), "w", encoding="ascii") as f:
        f.write(EXTENSIONS)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
        "-subj", "/CN=root", "-keyout", path("root.key"), "-out", path("root.pem"))
    make_issued(path, "between", "root", "ca")
    make_issued(path, "server", "between", "server")
    make_issued(path, "client", "root", "client")
    make_issued(path, "serving", "root", "serving")
    make_issued(path, "weak", "root", "ca", "-sha1")
    make_issued(path, "below_weak", "weak", "server")
    for name, parts in (("chain", ("server", "between")), ("chain_full", ("server", "between", "root")),
            ("chain_turned", ("server", "root", "between")), ("chain_broken", ("server", "root")),
            ("chain_foreign", ("server", "demo")), ("chain_weak", ("below_weak", "weak", "root")),
            ("chain_client", ("client", "root"))):
        with open(path(name + ".pem"), "w", encoding="ascii") as out:
            for part in parts:
                with open(path(part + ".pem"), encoding="ascii") as f:
                    out.write(f.read())


def make_kinds(path):
    """A certificate of each kind of key, those that TLS has no use for among them."""
    for name, *kind in (("p224", "ec", "ec_paramgen_curve:secp224r1"), ("p384", "ec", "ec_paramgen_curve:P-384"),
            ("p521", "ec", "ec_paramgen_curve:P-521"), ("secp256k1", "ec", "ec_paramgen_curve:secp256k1"),
            ("brainpool", "ec", "ec_paramgen_curve:brainpoolP256r1"), ("rsa1024", "rsa:1024"),
            ("rsa2048", "rsa:2048"), ("ed25519", "ed25519")):
        openssl("req", "-x509", "-newkey", kind[0], *(["-pkeyopt", kind[1]] if kind[1:] else []), "-nodes", "-days", "30",
            "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}.example", "-keyout", path(name + ".key"),
            "-out", path(name + ".pem"))
    openssl("genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:2048", "-out", path("dsa.par"))
    openssl("genpkey", "-paramfile", path("dsa.par"), "-out", path("dsa.key"))
    openssl("req", "-x509", "-key", path("dsa.key"), "-days", "30", "-subj", "/CN=dsa", "-addext",
        "subjectAltName=DNS:dsa.example", "-out", path("dsa.pem"))
    shutil.copy(path("demo.key"), path("open.key"))
    os.chmod(path("open.key"), 0o644)


def make_special(directory):
    """What a path may lead to besides a file that can be read, and files that would be too much."""
    os.makedirs(directory)
    path = lambda name: os.path.join(directory, name)
    os.mkfifo(path("pipe"))
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path("socket"))
    os.symlink("circle", path("circle"))
    with open(path("large"), "wb") as f:
        f.truncate(65 << 20)
    for i in range(9):
        with open(path(f"bomb{i}"), "w", encoding="ascii") as f:
            f.write(f'@include "special/bomb{i + 1}"\n' * 10)
    with open(path("bomb9"), "w", encoding="ascii"):
        pass


def copy_example(path, directory):
    """The examples name a log's folder that an appliance has, and the machine that tests may not have."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    with open(os.path.join(directory, os.path.basename(path)), "w", encoding="utf-8") as f:
        f.write(text.replace('"/var/log/sluice/', '"'))


def check(program, directory, name):
    done = subprocess.run([program, "check", name], cwd=directory, capture_output=True, text=True, timeout=60,
        check=False)
    # How many cores there are differs, and so does whether an example has too many workers.
    seen = re.sub(r"this machine has \d+", "this machine has N", done.stderr)
    if name in EXAMPLES:
        seen = "".join(line for line in seen.splitlines(True) if "this machine has N" not in line)
    return done.returncode, seen


def read(path):
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as f:
        return f.read()


def main():
    program, root = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    update = "--update" in sys.argv
    here = os.path.join(root, "tests", "config")
    failures = count = 0
    documented = {}
    with tempfile.TemporaryDirectory() as work:
        make_certificates(os.path.join(work, "tls"))
        for kind, status in (("good", 0), ("bad", 1)):
            directory = os.path.join(work, kind)
            shutil.copytree(os.path.join(here, kind), directory)
            shutil.copytree(os.path.join(work, "tls"), os.path.join(directory, "tls"))
            make_special(os.path.join(directory, "special"))
            if kind == "good":
                for name in os.listdir(os.path.join(root, "conf")):
                    if name.endswith((".conf", ".csv")):
                        copy_example(os.path.join(root, "conf", name), directory)
                documented = examples.write(root, directory)
                if not documented:
                    raise SystemExit("no example was found in the documentation")
            for name in sorted(os.listdir(directory)):
                if not name.endswith(".conf"):
                    continue
                count += 1
                code, seen = check(program, directory, name)
                expected_path = os.path.join(here, kind, name[:-len(".conf")] + ".expected")
                if update and code == status and (seen or os.path.exists(expected_path)):
                    with open(expected_path, "w", encoding="utf-8") as f:
                        f.write(seen)
                expected = read(expected_path)
                if name in documented:
                    seen = "".join(f"{line}\n" for line in examples.errors(seen, documented[name]))
                    code = status
                good = code == status and seen == expected
                print(f"{'ok' if good else 'not ok'} {count} - {kind}/{name}")
                if good:
                    continue
                failures += 1
                print(f"# exit {code}, expected {status}")
                for line in difflib.unified_diff(expected.splitlines(), seen.splitlines(), "expected", "seen",
                        lineterm=""):
                    print(f"# {line}")
    print(f"1..{count}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
