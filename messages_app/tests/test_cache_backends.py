import threading

from django.core.cache import cache

from messages_app.cache_backends import BytesOrJSON


def test_bytes_and_plain_values_come_back_and_garbage_is_absent():
    serializer = BytesOrJSON({})
    for value in [b"", b"\0page", "text", {"a": [1, None]}, True]:
        assert serializer.loads(serializer.dumps(value)) == value
    assert serializer.loads(b"\x80\x04garbage") is None


def test_a_number_is_raised_once_however_many_raise_it():
    cache.set("number", 5, timeout=None)
    threads = [
        threading.Thread(target=cache.raise_to, args=("number", 900))
        for _ in "12345678"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.get("number") == 900
    assert cache.raise_to("number", 7) == 900
    assert cache.raise_to("absent", 7) == 7
