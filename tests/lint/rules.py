#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/tcp.md, made from the first lines of the wire scripts: rules.py [--write]. Prints it, or writes it;
`./dev lint` holds the file to it.

A script's first line says the rule and, in brackets at its end, where the rule is from: `# A rule (RFC 9293
§3.4, §3.8, RFC 7323 §2).`
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = "docs/tcp.md"
FOLDERS = {"tcp": "4, 6", "net": "4", "net6": "6", "workers": "4"}  # and over which IP its scripts run

# Number: what it is about, what of it is left out and why.
TCP = {
    9293: ("TCP", "Urgent data is data (RFC 6093), security compartments are not looked at, no Nagle delay: what "
        "is written in a turn leaves together."),
    1122: ("Hosts: IPv4, ICMP and ARP", "No IP options and no source routes, no forwarding."),
    1337: ("TIME-WAIT and RST", ""),
    2018: ("SACK", ""),
    2883: ("D-SACK", ""),
    3042: ("Limited transmit", ""),
    3168: ("ECN", "A RST in answer to a SYN that asks is final (§6.1.1.1: MAY try again). The window has two "
        "segments at least, so §6.1.2's timer for one is not needed. A mark costs what a loss does: RFC 8511 is "
        "an experiment, as are marks on SYNs and ACKs (RFC 8311)."),
    3708: ("Needless recoveries by D-SACK", ""),
    4821: ("Path MTU by probes", "Only with SACK; without, the size grows with the next connection after ten "
        "minutes."),
    4987: ("SYN floods", "A cookie keeps window scale, SACK and ECN only where there are timestamps. While cookies are good, text that comes without one gets no RST: it may be ahead of the ACK that brings it."),
    5461: ("ICMP's soft errors", ""),
    5681: ("Congestion control", "One ACK may be for up to eight segments that come within 50 µs (§4.2)."),
    5927: ("ICMP attacks", "Whether segments of the present size arrived is asked, not of every size between."),
    5961: ("Blind attacks", ""),
    6093: ("Urgent data", ""),
    6191: ("TIME-WAIT and timestamps", ""),
    6298: ("Retransmission timer", "The least timeout is 200 ms, not a second, and `dataplane.rto_min` sets it: "
        "in a data centre a second is long."),
    6528: ("Initial sequence numbers", "Held without a wire script, which speaks of relative numbers: "
        "`tcp_isn()` is a keyed hash of the four-tuple and a clock."),
    6582: ("NewReno", ""),
    6675: ("Recovery with SACK", "RFC 8985 decides what is lost."),
    6691: ("The MSS option", ""),
    6928: ("Initial window of ten", ""),
    6937: ("Proportional rate reduction", ""),
    7323: ("Timestamps and window scale", ""),
    8899: ("Path MTU by probes, of datagrams", "Its counts and timers alone are used, for RFC 4821."),
    8985: ("RACK-TLP", "A single segment is not probed, and new data probes by two: the ACK of one may be delayed (§7.2, §7.3)."),
    9438: ("CUBIC", "§4.10: no HyStart++."),
}
IP = {
    791: ("IPv4", "Options are refused, TCP in fragments too."),
    826: ("ARP", ""),
    894: ("IPv4 on Ethernet", ""),
    1042: ("IPv4 on 802", ""),
    1071: ("The checksum", ""),
    1191: ("Path MTU, IPv4", "A router that names no size is taken at 552 bytes."),
    1812: ("Routers: the longest match", "Only for packets of our own: nothing is forwarded."),
    1858: ("Fragments that hide a port", ""),
    2710: ("MLD", "Only in answer to a querier of it."),
    3590: ("MLD's source address", ""),
    3810: ("MLDv2", ""),
    4291: ("IPv6 addresses", ""),
    4443: ("ICMPv6", ""),
    4861: ("Neighbour discovery", "Ways are configured: routers are not discovered, redirects not followed."),
    4862: ("Duplicate addresses", "Addresses are configured: no autoconfiguration but of the link-local one."),
    4942: ("IPv4 in IPv6's clothes", ""),
    5095: ("Routing header 0", ""),
    5227: ("ARP conflicts", "An address is not probed for before use; a conflict is reported and the address kept."),
    5722: ("Fragments that overlap", ""),
    6633: ("Source quench", ""),
    6946: ("Atomic fragments", ""),
    6980: ("Neighbour discovery in fragments", ""),
    7126: ("IPv4 options", ""),
    7527: ("Loops of duplicate address detection", ""),
    8200: ("IPv6", "TCP in fragments is refused."),
    8201: ("Path MTU, IPv6", ""),
    8504: ("IPv6 nodes", "Only what is named here."),
    8900: ("Fragments", ""),
}
OTHERS = {7239, 9112}  # HTTP's, said in passing

HEAD = """# What TCP and IP keep to

<!-- Made by `tests/lint/rules.py --write` from the first lines of the wire scripts; lint holds it to them. -->

The rules of the RFCs that a peer can see, and the script in `tests/wire/` that holds each: packets, times and
expectations against a whole worker, which `./dev test wire` runs. The last column of the tables below says over
which versions of IP. What scripts cannot show, the simulation does (`tests/sim/`): that every byte arrives over
paths that lose, delay, reorder, double, damage and mark packets, or become narrow in silence.
"""
REFERENCE = re.compile(r"RFC (\d+)|§([\d.]*\d(?: \([a-z.\d]+\))*)")


def read(root=ROOT):
    """@return {RFC: [(sections, rule, folder, name, versions)]}, problems"""
    rules, problems = {n: [] for n in (*TCP, *IP)}, []
    for folder, versions in FOLDERS.items():
        directory = os.path.join(root, "tests/wire", folder)
        for name in sorted(os.listdir(directory)):
            if not name.endswith(".wire"):
                continue
            with open(os.path.join(directory, name), encoding="utf-8") as f:
                title, second = f.readline().strip("# \n"), f.readline().strip()
            over = "4" if second == "only ipv4" else versions
            rule = re.sub(r" \([^()]*RFC (?:[^()]|\([^()]*\))*\)", "", title)
            cited = []
            for number, section in REFERENCE.findall(title):
                if number:
                    cited.append((int(number), []))
                elif cited:
                    cited[-1][1].append(section)
            for number, sections in cited:
                if number in rules:
                    rules[number].append((sections, rule, folder, name[:-5], over))
                elif number not in OTHERS:
                    problems.append(f"tests/wire/{folder}/{name}: RFC {number} is not in tests/lint/rules.py")
    return rules, problems


def _order(entry):
    return [[int(n) for n in re.findall(r"\d+", section)] for section in entry[0][:1]], entry[3]


def page(rules):
    out = [HEAD]
    for title, known in (("TCP", TCP), ("IP and below", IP)):
        out.append(f"## {title}\n\n| RFC | about | scripts | left out, or otherwise |\n| --- | --- | --- | --- |")
        out += [f"| [{n}](https://www.rfc-editor.org/rfc/rfc{n}) | {about} | "
            f"{f'[{len(rules[n])}](#rfc-{n})' if rules[n] else '–'} | {but or '–'} |"
            for n, (about, but) in sorted(known.items())]
        out.append("")
    for number in sorted(rules):
        if rules[number]:
            out.append(f"### RFC {number}\n\n| § | rule | script | IP |\n| --- | --- | --- | --- |")
            out += [f"| {', '.join(sections) or '–'} | {rule} | "
                f"[{name}](../tests/wire/{folder}/{name}.wire) | {over} |"
                for sections, rule, folder, name, over in sorted(rules[number], key=_order)]
            out.append("")
    return "\n".join(out).rstrip("\n") + "\n"


def problems():
    """What is wrong with the page, a line each."""
    rules, found = read()
    with open(os.path.join(ROOT, PAGE), encoding="utf-8") as f:
        if f.read() != page(rules):
            found.append(f"{PAGE}: not what the scripts say; tests/lint/rules.py --write")
    return found


def main():
    rules, found = read()
    if found:
        sys.exit("\n".join(found))
    if sys.argv[1:] == ["--write"]:
        with open(os.path.join(ROOT, PAGE), "w", encoding="utf-8") as f:
            f.write(page(rules))
    else:
        print(page(rules), end="")


if __name__ == "__main__":
    main()
