#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: read-trace.py FILE

A reader of traces, written from docs/trace-format.md and nothing else. Prints the facts of each event
as `camwarden replay --all --format json` does, without asset names of a policy and verdicts. Ends
with status 1 if a checksum, the chain or a number is not what the page says. Seals are checked as far
as hashes and numbers go; the standard library has no Ed25519.
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


def need(ok, what):
    if not ok:
        sys.exit("not as documented: " + what)


class Body:
    def __init__(self, data, strings=()):
        self.data, self.at, self.strings = data, 0, strings

    def take(self, n):
        need(self.at + n <= len(self.data), "a body that is too short")
        self.at += n
        return self.data[self.at - n:self.at]

    def n(self):
        value = shift = 0
        while True:
            byte, = self.take(1)
            value |= (byte & 0x7f) << shift
            shift += 7
            if not byte & 0x80:
                return value

    def i(self):
        v = self.n()
        return v >> 1 if not v & 1 else -(v >> 1) - 1

    def s(self):
        number = self.n()
        return self.strings[number - 1] if number else None


def known(v):
    return v or None


def uid(v):
    return None if v == 0xffffffff else v


def wall(ns):
    t = datetime.fromtimestamp(ns // 10**9, timezone.utc)
    return t.strftime("%Y-%m-%dT%H:%M:%S.") + "%09dZ" % (ns % 10**9)


def process(b):
    p = {"pid": b.n(), "tid": known(b.n())}
    ns_pid, ppid, start = b.n(), b.n(), b.n()
    p.update(start_ns=known(start), ppid=ppid, exe=b.s(), exe_inode=known(b.n()))
    b.n(), b.n()
    p["exe_sha256"] = b.s()
    deleted = b.n()
    p["comm"] = b.s()
    count = b.n()
    p["argv"] = [b.s() for _ in range(count - 1)] if count else None
    cut = b.n()
    p["uid"], euid, gid, caps = uid(b.n()), b.n(), b.n(), b.n()
    p.update(user=b.s(), euid=uid(euid), unit=b.s(), cgroup=b.s(), container=b.s())
    p["ancestors"] = []
    for _ in range(b.n()):
        pid = b.n()
        b.n()
        p["ancestors"].append({"pid": pid, "exe": b.s()})
    p.update(ns_pid=known(ns_pid), gid=uid(gid), cap_effective="%016x" % caps)
    if deleted:
        p["exe_deleted"] = True
    if cut:
        p["argv_cut"] = True
    o = {"type": ORIGINS[b.n()], "login_uid": uid(b.n()), "login_user": b.s(),
         "session": uid(b.n()), "tty": b.s()}
    family = b.n()
    peer = {0: lambda: None, 4: lambda: socket.inet_ntop(socket.AF_INET, b.take(4)),
            6: lambda: "[%s]" % socket.inet_ntop(socket.AF_INET6, b.take(16))}[family]()
    port = b.n()
    o["peer"] = peer and "%s:%d" % (peer, port)
    o["local_port"] = known(b.n())
    bits = b.n()
    o.update(via=b.s(), seeded=bool(bits & 2))
    if bits & 1:
        o["outbound"] = True
    if b.at < len(b.data):  # since 1.1
        hop = {"pid": b.n()}
        if hop["pid"]:
            hop.update(exe=b.s(), login_uid=uid(b.n()), login_user=b.s())
            b.n()
            o["hop"] = hop
    return (p, o) if p["pid"] else (None, None)


def asset(b):
    a = {"name": b.s(), "kind": ASSETS[b.n()], "path": b.s()}
    root, node, by_id, cut = b.s(), b.s(), b.s(), b.n()
    major, minor = b.n(), b.n()
    a["dev"] = "%d:%d" % (major, minor) if major or minor else None
    a["inode"] = known(b.n())
    access = b.n()
    a["access"] = [name for bit, name in enumerate(ACCESS) if access >> bit & 1]
    a.update(node=node, root=root, by_id=by_id, driver=b.s(), bus=b.s(), card=b.s())
    if cut:
        a["path_partial"] = True
    return a if a["kind"] != "none" else None


def detail(b):
    key, kind = b.s(), b.n()
    value = {0: b.n, 1: b.i, 2: lambda: round(struct.unpack("<d", b.take(8))[0], 3), 3: b.s,
             4: lambda: bool(b.n()), 5: lambda: wall(b.n())}.get(kind, lambda: b.take(b.n()))()
    return key, value


def events(content, head):
    strings, processes, assets = [], [], []
    seq = boot = offset = 0
    b = Body(content)
    while b.at < len(content):
        kind = b.n()
        body = Body(b.take(b.n()), strings)
        if kind == 1:
            need(body.data.index(0) == len(body.data) - 1, "the NUL of a string")
            strings.append(body.data[:-1].decode("utf-8", "replace"))
        elif kind == 2:
            processes.append(process(body))
        elif kind == 3:
            assets.append(asset(body))
        elif kind == 4:
            seq, boot, offset = seq + body.i(), boot + body.i(), offset + body.i()
            e = {"schema": "camwarden.event/1", "seq": seq, "time": wall(boot + offset),
                 "boot_ns": boot, "boot_id": head["boot_id"], "hub": head["hub"],
                 "kind": KINDS[body.n()], "probe": PROBES[body.n()], "result": body.i()}
            who = processes[body.n() - 1]
            e["asset"] = assets[body.n() - 1]
            e["process"], e["origin"] = who
            e["detail"] = dict(detail(body) for _ in range(body.n()))
            yield e
        elif kind == 5:
            body.n()
            need(body.take(body.n())[-1] == 0, "the NUL of a policy's name")
            digest = body.take(32)
            need(hashlib.sha256(body.data[body.at:]).digest() == digest, "hash of a policy")


def text(data):
    return data.rstrip(b"\0").decode() or None


def main():
    data = open(sys.argv[1], "rb").read()
    need(data[:8] == b"\x89CWT\r\n\x1a\n", "magic of the file")
    major, minor, size, flags = struct.unpack_from("<HHII", data, 8)
    need(major == 1 and minor <= 1 and size == 256, "version and size")
    need(flags <= minor, "flags of the header")
    need(zlib.crc32(data[:20] + bytes(4) + data[24:256]) == struct.unpack_from("<I", data, 20)[0],
         "checksum of the header")
    head = {"boot_id": text(data[40:80]), "hub": text(data[80:160])}
    at, chain, sequence, count = 256, hashlib.sha256(data[:256]).digest(), 0, 0
    index, seal, last, entries = 0, 0, 0, b""
    while data[at:at + 4] == b"CWB\n":
        h = data[at:at + 128]
        size, kind, number, raw, packed = struct.unpack_from("<HHQII", h, 4)
        need(struct.unpack_from("<I", h, 120)[0] < 2 << minor, "flags of a block")
        times, n, crc = h[24:56], *struct.unpack_from("<II", h, 56)
        need(size == 128 and number == sequence + 1, "size and sequence of a block")
        need(h[64:96] == chain, "chain of block %d" % number)
        need(struct.unpack_from("<Q", h, 112)[0] == at, "offset of a block")
        need(zlib.crc32(h[:124]) == struct.unpack_from("<I", h, 124)[0], "checksum of a block")
        payload = data[at + 128:at + 128 + packed]
        need(zlib.crc32(payload) == crc, "checksum of a payload")
        content = zlib.decompress(payload)
        need(len(content) == raw, "size of a content")
        if kind == 1:
            entries += struct.pack("<Q", at) + times + h[56:60] + h[120:124]
            for e in events(content, head):
                print(json.dumps(e))
                count += 1
                n -= 1
            need(n == 0, "number of events")
        elif kind == 2:
            flags, _, epoch, sealed, offset = struct.unpack_from("<IIQQQ", content)
            need(sealed == number - 1 and offset == at, "numbers of a seal")
            need(struct.unpack_from("<Q", content, 48)[0] == count, "events of a seal")
            need(content[56:88] == chain and len(content) == 216, "hash of a seal")
            last, seal = flags & 1, at
        elif kind == 3:
            need(len(content) % 168 == 0, "links")
        elif kind == 4:
            need(content == entries, "index")
            need(struct.unpack_from("<Q", h, 96)[0] == index, "index before")
            index, entries = at, b""
        chain, sequence = hashlib.sha256(data[at:at + 128 + packed]).digest(), number
        at += 128 + packed
    footer = data[at:]
    need(len(footer) == 32 and footer[:8] == b"CWEND\r\n\x1a" and last, "the end")
    need(struct.unpack_from("<QQ", footer, 8) == (index, seal), "the footer")
    need(zlib.crc32(footer[:28]) == struct.unpack_from("<I", footer, 28)[0], "its checksum")


main()
