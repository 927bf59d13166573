"""Kombu's Redis transport, with workers that go on after Redis was away. Only imported where Redis is the broker.

Kombu frees the place of a message that is acknowledged once Redis has taken note (`QoS.ack` in kombu 5.7). If Redis is
away at that moment, Celery logs "Couldn't ack" and goes on, and the place stays taken: a busy worker, which always has
a message that waits, reads its queues never again, though Redis is back and the worker says that it is connected. Here
the place is free in any case. What Redis still has of the message comes again later, and a hint too many does nothing.
"""

from kombu.transport import redis, virtual


class QoS(redis.QoS):
    """How many messages may be taken that are not acknowledged yet."""

    def ack(self, delivery_tag: str) -> None:
        """Free the place of a message. Raises: what redis-py raises; the place is free all the same."""
        try:
            super().ack(delivery_tag)
        finally:
            virtual.QoS.ack(self, delivery_tag)


class Channel(redis.Channel):
    """One that counts in this way."""

    QoS = QoS


class Transport(redis.Transport):
    """For `redis://` and `rediss://`."""

    Channel = Channel
