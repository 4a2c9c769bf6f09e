"""A cable between a worker and its Redis that is cut as real ones are: nobody is told, connections fall silent."""

import contextlib
import socket
import threading

from tests.assets.service_process import free_port


class Cable:
    """Carries TCP connections to ``port``; what was connected before a cut stays silent for ever."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.port = free_port()
        self._carries = threading.Event()
        self._carries.set()
        self._sockets: list[socket.socket] = []
        self._cut_off = 0
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def cut(self) -> None:
        """Nothing passes any more, in old connections and in new ones."""
        self._carries.clear()
        self._cut_off = len(self._sockets)

    def mend(self) -> None:
        """New connections pass again."""
        self._carries.set()

    def close(self) -> None:
        """Ends everything. A thread that waits in ``accept`` hears of a shutdown, not of a close."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        for each in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                number = len(self._sockets)
                near, _ = self._listener.accept()
                self._sockets.append(near)
                far = socket.create_connection(("127.0.0.1", self._to))
                self._sockets.append(far)
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(one, other, number), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                self._carries.wait()
                if number < self._cut_off:
                    return  # both ends stay open and hear nothing
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
