#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: write-trace.py FILE [POLICY] <events

Writes a trace of made-up events for tests, after docs/trace-format.md: version 1.0, not sealed. Each
line of standard input is an event as `camwarden replay --format json` prints it; what is left out is
unknown, numbers of events and times go on from the event before; "wall" is "time" in nanoseconds. A byte
that is not UTF-8 is written \\udcXX. The policy, if there is one, is in force from the start.
"""
import hashlib
import json
import socket
import struct
import sys
import zlib
from datetime import datetime, timezone

KINDS = ("open denied receive use map stream close create rename link unlink truncate attr mount "
         "peek rawdisk egress tamper gap coverage canary start stop policy gone copy").split()
PROBES = "agent lsm fentry kprobe tracepoint fanotify iterator proc".split()
ORIGINS = "unknown service login remote container kernel".split()
ASSETS = "none camera microphone recordings shm disk self".split()
ACCESS = "read write create truncate delete exec".split()
NO_UID = 0xffffffff
EVENTS_PER_BLOCK = 256


def n(value):
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def i(value):
    value = (value + 2**63) % 2**64 - 2**63
    return n((value << 1) ^ (value >> 63) if value >= 0 else ~(value << 1))


def nanoseconds(text):
    seconds, _, fraction = text.rstrip("Z").partition(".")
    t = datetime.strptime(seconds, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    return int(t.timestamp()) * 10**9 + int(fraction.ljust(9, "0") or 0)


def uid(value):
    return n(NO_UID if value is None else value)


def record(kind, body):
    return n(kind) + n(len(body)) + body


class Block:
    """The content of one events block."""

    def __init__(self):
        self.content, self.strings, self.count = b"", {}, 0
        self.seq = self.boot = self.offset = 0
        self.times, self.seqs, self.policy = [], [], 0

    def s(self, text):
        if text is None:
            return n(0)
        data = text.encode("utf-8", "surrogateescape")
        if data not in self.strings:
            self.content += record(1, data + b"\0")
            self.strings[data] = len(self.strings) + 1
        return n(self.strings[data])

    def process(self, p, o):
        s = self.s
        argv = p.get("argv")
        ancestors = p.get("ancestors", [])
        body = n(p.get("pid", 0)) + n(p.get("tid") or p.get("pid", 0))
        body += n(p.get("ns_pid") or p.get("pid", 0)) + n(p.get("ppid", 0))
        body += n(p.get("start_ns") or 0) + s(p.get("exe")) + n(p.get("exe_inode") or 0)
        body += n(8) + n(1) + s(p.get("exe_sha256")) + n(p.get("exe_deleted", False)) + s(p.get("comm"))
        body += n(0 if argv is None else len(argv) + 1) + b"".join(map(s, argv or []))
        body += n(p.get("argv_cut", False)) + uid(p.get("uid")) + uid(p.get("euid", p.get("uid")))
        body += uid(p.get("gid")) + n(int(p.get("cap_effective", "0"), 16)) + s(p.get("user"))
        body += s(p.get("unit")) + s(p.get("cgroup")) + s(p.get("container")) + n(len(ancestors))
        for a in ancestors:
            body += n(a["pid"]) + n(a.get("start_ns", 0)) + s(a.get("exe"))
        body += n(ORIGINS.index(o.get("type", "unknown"))) + uid(o.get("login_uid"))
        body += s(o.get("login_user")) + uid(o.get("session")) + s(o.get("tty"))
        host, _, port = (o.get("peer") or "").rpartition(":")
        if not host:
            body += n(0)
        elif host[0] == "[":
            body += n(6) + socket.inet_pton(socket.AF_INET6, host[1:-1])
        else:
            body += n(4) + socket.inet_pton(socket.AF_INET, host)
        body += n(int(port or 0)) + n(o.get("local_port") or 0)
        body += n(o.get("outbound", False) | o.get("seeded", False) << 1) + s(o.get("via"))
        self.content += record(2, body)

    def asset(self, a):
        s = self.s
        major, minor = (a.get("dev") or "0:0").split(":")
        body = s(a.get("name")) + n(ASSETS.index(a.get("kind", "none"))) + s(a.get("path"))
        body += s(a.get("root")) + s(a.get("node")) + s(a.get("by_id"))
        body += n(a.get("path_partial", False)) + n(int(major)) + n(int(minor))
        body += n(a.get("inode") or 0)
        body += n(sum(1 << ACCESS.index(name) for name in a.get("access", [])))
        body += s(a.get("driver")) + s(a.get("bus")) + s(a.get("card"))
        self.content += record(3, body)

    def detail(self, key, value):
        head = self.s(key)
        if isinstance(value, bool):
            return head + n(4) + n(value)
        if isinstance(value, float) or key == "seconds":
            return head + n(2) + struct.pack("<d", value)
        if isinstance(value, int):
            return head + (n(0) + n(value) if value >= 0 else n(1) + i(value))
        if key in ("from", "to") and value[4:5] == "-" and value[-1:] == "Z":
            return head + n(5) + n(nanoseconds(value))
        return head + n(3) + self.s(value)

    def event(self, e):
        self.process(e.get("process") or {}, e.get("origin") or {})
        self.asset(e.get("asset") or {})
        details = [self.detail(k, v) for k, v in (e.get("detail") or {}).items() if v is not None]
        offset = e["wall"] - e["boot_ns"]
        body = i(e["seq"] - self.seq) + i(e["boot_ns"] - self.boot) + i(offset - self.offset)
        body += n(KINDS.index(e.get("kind", "open"))) + n(PROBES.index(e.get("probe", "lsm")))
        self.count += 1
        body += i(e.get("result", 0)) + n(self.count) + n(self.count)
        body += n(len(details)) + b"".join(details)
        self.content += record(4, body)
        self.seq, self.boot, self.offset = e["seq"], e["boot_ns"], offset
        self.times.append((e["boot_ns"], e["wall"]))
        self.seqs.append(e["seq"])

    def pack(self, sequence, at, chain):
        payload = zlib.compress(self.content)
        boots, walls = zip(*self.times)
        head = b"CWB\n" + struct.pack("<HHQII", 128, 1, sequence, len(self.content), len(payload))
        head += struct.pack("<QQQQ", min(boots), max(boots), min(walls), max(walls))
        head += struct.pack("<II", self.count, zlib.crc32(payload)) + chain
        head += struct.pack("<QQQI", self.seqs[0], self.seqs[-1], at, self.policy)
        return head + struct.pack("<I", zlib.crc32(head)) + payload


def head(first):
    def text(value, size):
        return value.encode("utf-8", "surrogateescape")[:size - 1].ljust(size, b"\0")

    def whole(crc):
        return (b"\x89CWT\r\n\x1a\n" + struct.pack("<HHIII", 1, 0, 256, 0, crc) +
                struct.pack("<QQ", first["wall"], first["boot_ns"]) +
                text(first.get("boot_id", "b007"), 40) + text(first.get("hub", "hub-1"), 80) +
                text("test", 32) + bytes(64))

    return whole(zlib.crc32(whole(0)))


def read_events():
    last = {"seq": 0, "boot_ns": 60 * 10**9, "wall": nanoseconds("2026-11-24T04:36:00Z")}
    for line in sys.stdin:
        e = json.loads(line)
        e.setdefault("seq", last["seq"] + 1)
        wall = nanoseconds(e["time"]) if "time" in e else e.get("wall", last["wall"] + 10**9)
        e.setdefault("boot_ns", last["boot_ns"] + max(wall - last["wall"], 0))
        e["wall"], e["boot_ns"], e["seq"] = wall % 2**64, e["boot_ns"] % 2**64, e["seq"] % 2**64
        last = e
        yield e


def main():
    events = list(read_events())
    data = head(events[0])
    chain = hashlib.sha256(data).digest()
    for sequence, first in enumerate(range(0, len(events), EVENTS_PER_BLOCK), 1):
        block = Block()
        if not first and len(sys.argv) > 2:
            policy = open(sys.argv[2], "rb").read()
            name = b"policy.yaml\0"
            block.content += record(5, n(0) + n(len(name)) + name + hashlib.sha256(policy).digest() +
                                    policy)
            block.policy = 1
        for e in events[first:first + EVENTS_PER_BLOCK]:
            block.event(e)
        packed = block.pack(sequence, len(data), chain)
        chain = hashlib.sha256(packed).digest()
        data += packed
    footer = b"CWEND\r\n\x1a" + struct.pack("<QQI", 0, 0, 0)
    open(sys.argv[1], "wb").write(data + footer + struct.pack("<I", zlib.crc32(footer)))


main()
