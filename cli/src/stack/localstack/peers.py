"""Whose connection to a server of this stack it is: those that can ask for no key answer certain users only."""

# Linux's list of the connections of a network namespace: that in which it is opened.
CONNECTIONS = "/proc/net/tcp"


def is_of(connection, connections, *users):
    """Whether the other end of an IPv4 connection belongs to one of these users."""
    ends = [hexadecimal(*connection.getpeername()), hexadecimal(*connection.getsockname())]
    connections.seek(0)
    for line in connections:
        fields = line.split()
        # Of those that are closed it lists no user.
        if fields[1:4] == [*ends, "01"]:
            return int(fields[7]) in users
    return False


def hexadecimal(ip, port):
    return f"{''.join(f'{int(part):02X}' for part in reversed(ip.split('.')))}:{port:04X}"
