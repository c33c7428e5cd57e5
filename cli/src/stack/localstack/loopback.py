"""Runs a server that listens on all of this machine's addresses so that only 127.0.0.1 has it.

`loopback.py PORT PROGRAM...`: the program, which listens on PORT, is alone in a network namespace, and what
comes to 127.0.0.1:PORT outside from this user is passed on to it.
"""

import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

from peers import CONNECTIONS, is_of

SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
PR_SET_PDEATHSIG = 1
# For the program to begin to listen.
PATIENCE = 60


def connected(port):
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def copy(source, target):
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        source.close()
        target.close()


def serve(client, port):
    with client, connected(port) as server:
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=copy, args=(server, client), daemon=True)
        back.start()
        copy(client, server)
        back.join()


def accept(listener, connections, port):
    while True:
        client, _ = listener.accept()
        if not is_of(client, connections, os.getuid()):
            client.close()
            continue
        threading.Thread(target=serve, args=(client, port), daemon=True).start()


def main():
    port, command = int(sys.argv[1]), sys.argv[2:]
    # It ends with whoever started it, and its program with it, however that comes about.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    # What was made in this namespace stays in it.
    connections = open(CONNECTIONS)
    listener = socket.create_server(("127.0.0.1", port), backlog=128)
    try:
        os.unshare(os.CLONE_NEWNET)
    except OSError as why:
        print(f"{command[0]} listens on all addresses of this machine: {why}", flush=True)
        listener.close()
        os.execv(command[0], command)
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14s", b"lo", IFF_UP, b""))
    program = subprocess.Popen(command)
    signal.signal(signal.SIGTERM, lambda *_: program.terminate())
    threading.Thread(target=accept, args=(listener, connections, port), daemon=True).start()
    sys.exit(program.wait())


main()
