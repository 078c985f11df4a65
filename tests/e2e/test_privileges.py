# SPDX-License-Identifier: Apache-2.0
"""What the processes may no longer do once they serve, and what they refuse to begin with."""
import os
import pwd
import re
import resource

import pytest

import settings
from bed import wait_for
from links import stop
from sluice import CtlError

NOBODY = pwd.getpwnam("nobody").pw_uid
NET_ADMIN = 1 << 12
SYS_RESOURCE = 1 << 24


def status(path):
    with open(os.path.join(path, "status"), encoding="ascii", errors="replace") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def threads(pid):
    return [status(f"/proc/{pid}/task/{thread}") for thread in os.listdir(f"/proc/{pid}/task")]


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(child) for child in f.read().split()]


def told_driver(bed):
    text = bed.log_tail("dataplane", 200).rpartition("waiting for control")[2]
    return set(re.findall(r"driver (\w+),", text))


def assert_given_up(bed):
    pid = bed.processes["dataplane"].pid
    # Workers serve a moment earlier, for ports have to run before.
    wait_for(lambda: "privileges: runs as" in bed.log_tail("dataplane", 200).rpartition("waiting for control")[2], 20,
        "rights given up")
    kept = NET_ADMIN if told_driver(bed) & {"net_af_xdp", "net_tap", "net_virtio_user"} else 0
    all_threads = threads(pid)
    assert len(all_threads) >= 2
    for thread in all_threads:
        assert thread["Uid"].split() == [str(NOBODY)] * 4, thread["Name"]
        assert thread["Groups"].strip() == ""
        assert int(thread["CapEff"], 16) == int(thread["CapPrm"], 16) == kept, thread["Name"]
        assert (thread["NoNewPrivs"], thread["Seccomp"]) == ("1", "2"), thread["Name"]


def test_every_thread_has_given_up_root(bed, gateway, connect):
    assert connect().get("/v1/orders/1", ("X-API-Key", settings.GLOBEX_KEY), host=settings.HOST).status == 200
    assert_given_up(bed)
    assert re.search("privileges: runs as nobody, capabilities kept: (none|net_admin);", bed.log_tail("dataplane", 200))


def test_a_packet_socket_keeps_no_capability(bed, gateway):
    stop(bed)
    gateway.write_config(settings.config(device="net_af_packet_{0},iface={0},qpairs=1"))
    gateway.start()
    assert told_driver(bed) == {"net_af_packet"}
    assert_given_up(bed)
    assert bed.stop("dataplane") == 0
    stop(bed)


def test_neither_process_leaves_a_core_file(bed, gateway):
    for name in ("dataplane", "control"):
        pid = bed.processes[name].pid
        with open(f"/proc/{pid}/limits", encoding="ascii") as f:
            assert re.search(r"(?m)^Max core file size +0 +0 ", f.read()), name
        assert status(f"/proc/{pid}")["CoreDumping"] == "0"
    # What can be dumped belongs to its user, what cannot to root.
    assert os.stat(f"/proc/{bed.processes['dataplane'].pid}/environ").st_uid == 0


def may_lock():
    """Some containers' root may not."""
    most = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]
    return most == resource.RLIM_INFINITY or int(status("/proc/self")["CapEff"], 16) & SYS_RESOURCE != 0


def unlocked(pid):
    """Mappings of a process that may be swapped out: huge pages, devices and rings of sockets cannot."""
    with open(f"/proc/{pid}/smaps", encoding="ascii", errors="replace") as f:
        found = re.findall(r"(?m)^[0-9a-f]+-[0-9a-f]+ (rw.. .*)\n(?:[A-Z].*\n)*?VmFlags: (.*)\n", f.read())
    assert any(mapping.endswith("[heap]") for mapping, _ in found)
    return [mapping for mapping, flags in found if "lo" not in flags.split() and "socket:" not in mapping and
        not {"io", "pf", "ht"} & set(flags.split())]


@pytest.mark.skipif(not may_lock(), reason="the limit of locked memory cannot be raised here")
def test_memory_that_may_hold_keys_is_not_swapped_out(bed, gateway):
    for name in ("dataplane", "control"):
        pid = bed.processes[name].pid
        assert unlocked(pid) == [], name
        assert int(status(f"/proc/{pid}")["VmLck"].split()[0]) > 0, name


def test_patterns_are_compiled_by_a_process_without_rights(bed, gateway):
    compilers = [status(f"/proc/{child}") for child in children(bed.processes["dataplane"].pid)]
    assert [child["Name"] for child in compilers] == ["sluice-compiler"] * 2
    assert compilers[0]["Uid"].split() == [str(NOBODY)] * 4
    assert int(compilers[0]["CapPrm"], 16) == 0 and compilers[0]["NoNewPrivs"] == "1"


def test_a_compiler_that_was_killed_is_started_again(bed, gateway, connect):
    pid = bed.processes["dataplane"].pid
    first, second = children(pid)
    os.kill(first, 9)
    wait_for(lambda: children(second), 20, "another compiler, which the second one starts")
    os.kill(second, 9)
    gateway.apply(settings.config(weights=(1, 1, 1)))
    wait_for(lambda: bed.log_tail("dataplane", 50).count("had ended and is started again") == 2, 20, "two in the log")
    gateway.apply(settings.config(weights=(1, 1, 2)))
    assert children(pid) == []
    assert connect().get("/v1/orders/1", ("X-API-Key", settings.GLOBEX_KEY), host=settings.HOST).status == 200
    assert bed.stop("dataplane") == 0
    stop(bed)


def test_without_its_compilers_a_new_pattern_is_refused_and_what_runs_goes_on(bed, gateway, connect):
    pid = bed.processes["dataplane"].pid
    for compiler in children(pid):
        os.kill(compiler, 19)  # so that neither can start the other
    for compiler in children(pid):
        os.kill(compiler, 9)
    gateway.apply(settings.config(weights=(1, 1, 1)))  # for which no pattern is compiled
    with pytest.raises(CtlError) as caught:
        gateway.apply(settings.config(weights=(1, 1, 1)).replace(settings.SCANNED, settings.SCANNED.replace("12", "13")))
    assert "the compilers of patterns have ended: restart the dataplane" in caught.value.output
    assert connect().get("/v1/orders/1", ("X-API-Key", settings.GLOBEX_KEY), host=settings.HOST).status == 200
    stop(bed)


@pytest.mark.parametrize("device,reason", [
    ("net_pcap0,iface={}", "no driver of 'net_pcap0' is allowed"),
    ("net_af_xdp0,iface={},xdp_prog=/tmp/evil.o", "net_af_xdp takes no argument 'xdp_prog' here"),
    ("net_memif_{},role=server,socket=/etc/passwd", "/etc/passwd is no socket"),
    ("net_tap_{},iface=../../x", "'../../x' cannot be the name of an interface")])
def test_a_device_that_is_not_on_the_list_is_refused(bed, gateway, device, reason):
    stop(bed)
    gateway.write_config(settings.config(device=device))
    gateway.start_dataplane()
    gateway.start_control()
    wait_for(lambda: reason in bed.log_tail("control"), 20, "the refusal in control's log")
    with pytest.raises(CtlError) as caught:  # nothing is served
        gateway.ctl("status")
    assert caught.value.status == 1 and "is refused" in caught.value.output
    assert bed.alive("dataplane"), "another configuration may be better"
    gateway.apply(settings.config())
    gateway.wait_serving()


def test_a_dataplane_whose_ports_do_not_start_ends_with_the_reason(bed, gateway):
    stop(bed)
    gateway.write_config(settings.config(device=bed.memif_device()))
    gateway.start_dataplane()
    gateway.start_control()
    assert bed.processes["dataplane"].wait(30) == 1
    reason = f"port outside ({bed.memif_device().format('sl-out')}) does not start: refused by its driver"
    assert reason in bed.log_tail("control")
    with pytest.raises(CtlError) as caught:
        gateway.ctl("status")
    assert caught.value.status == 1 and reason in caught.value.output
    stop(bed)


def test_the_program_of_af_xdp_goes_with_the_dataplane(bed, gateway):
    if told_driver(bed) != {"net_af_xdp"}:
        pytest.skip("af_xdp does not serve here")
    assert "xdp" in bed.ip("gw", "link", "show", "sl-out").stdout
    stop(bed)
    assert "xdp" not in bed.ip("gw", "link", "show", "sl-out").stdout


def test_the_end_alarms_nobody(bed, gateway):
    """What the libraries cannot do any more once rights were given up is no news."""
    gateway.wait_serving()
    assert bed.stop("dataplane") == 0
    said = bed.log_tail("dataplane", 200).rpartition("stopping: waiting")[2].splitlines()[1:]
    assert [line for line in said if not re.match(r"\S+Z notice sluice-dataplane: ", line)] == []
    stop(bed)
