# SPDX-License-Identifier: BSD-3-Clause
"""What the two ends of an emulated link do for test_link.py: traffic.py ROLE ADDRESS [NUMBER...]."""

import socket
import struct
import sys
import time

PORT = 7000
DEADLINE_S = 20


def udp(bind=None):
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 20)
    end.settimeout(DEADLINE_S)
    if bind:
        end.bind((bind, PORT))
        print('listening', flush=True)
    return end


def echo(address):
    """Sends datagrams back until one is empty."""
    end = udp(bind=address)
    while True:
        data, peer = end.recvfrom(2048)
        if not data:
            return
        end.sendto(data, peer)


def ping(address, n):
    """Prints the round trips of n datagrams in seconds, lost ones as nothing."""
    end = udp()
    end.settimeout(1)
    for _ in range(int(n)):
        start = time.monotonic()
        end.sendto(b'x' * 8, (address, PORT))
        try:
            end.recv(2048)
            print(time.monotonic() - start)
        except TimeoutError:
            pass
    end.sendto(b'', (address, PORT))


def collect(address):
    """Counts datagrams until one is empty; prints the count and the time from first to last."""
    end, n, first, last = udp(bind=address), 0, 0, 0
    while end.recv(2048):
        last = time.monotonic()
        first = first or last
        n += 1
    print(n, last - first)


def burst(address, n, size, packets_per_s):
    """Sends n datagrams of size bytes no faster than asked, then empty ones, as one may be lost."""
    end, start = udp(), time.monotonic()
    for i in range(int(n)):
        while time.monotonic() - start < i / float(packets_per_s):
            pass
        end.sendto(struct.pack('!I', i).ljust(int(size), b'x'), (address, PORT))
    time.sleep(1)  # what is queued in the link arrives first
    for _ in range(5):
        end.sendto(b'', (address, PORT))


def sink(address):
    """Takes one TCP connection and prints how many bytes came, and a sum over them."""
    listener = socket.create_server((address, PORT))
    listener.settimeout(DEADLINE_S)
    print('listening', flush=True)
    connection, _ = listener.accept()
    connection.settimeout(DEADLINE_S)
    total, mixed = 0, 0
    while data := connection.recv(1 << 20):
        total += len(data)
        mixed = (mixed + sum(data)) & 0xffffffff
    print(total, mixed)


def pour(address, n):
    """Sends n bytes over TCP and prints a sum over them."""
    block = bytes(range(256)) * 4096
    left, mixed = int(n), 0
    with socket.create_connection((address, PORT), DEADLINE_S) as connection:
        while left:
            piece = block[:min(left, len(block))]
            connection.sendall(piece)
            mixed = (mixed + sum(piece)) & 0xffffffff
            left -= len(piece)
    print(n, mixed)


if __name__ == '__main__':
    {'echo': echo, 'ping': ping, 'collect': collect, 'burst': burst, 'sink': sink,
     'pour': pour}[sys.argv[1]](*sys.argv[2:])
