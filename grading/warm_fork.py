"""The worker's ends of the sockets to a process that is forked from a warm one, and sealed off."""

import socket
from contextlib import ExitStack


class WarmFork:
    """Our ends of the sockets to a process that is forked and sealed off."""

    def __init__(self, control: socket.socket, order: bytes) -> None:
        """Ask for it. Raises: OSError: the sandbox is gone."""
        self.order = order
        self._stack = ExitStack()
        self.commands, theirs = self._pair()
        self.messages, their_messages = self._pair()
        self.messages.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        try:
            with theirs, their_messages:
                socket.send_fds(control, [order], [theirs.fileno(), their_messages.fileno()])
        except OSError:
            self.close()
            raise

    def _pair(self) -> tuple[socket.socket, socket.socket]:
        ours, theirs = socket.socketpair()
        self._stack.callback(ours.close)
        return ours, theirs

    def close(self) -> None:
        """Let go of it."""
        self._stack.close()
