import asyncio
import io

from trunkline.cli.prefixed_logs import LONGEST_LINE_BYTES, PrefixedLogs


def source(*chunks: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    for chunk in chunks:
        reader.feed_data(chunk)
    reader.feed_eof()
    return reader


async def copied(*chunks: bytes, colours: bool = False) -> bytes:
    out = io.BytesIO()
    await PrefixedLogs(out, ["core", "facade"], colours=colours).copy("core", source(*chunks))
    return out.getvalue()


async def test_each_line_gets_its_writers_name_in_one_width() -> None:
    assert await copied(b"one\ntwo\n") == b"core   | one\ncore   | two\n"


async def test_an_unfinished_last_line_is_finished() -> None:
    assert await copied(b"one\ntw", b"o") == b"core   | one\ncore   | two\n"


async def test_bytes_that_are_no_text_pass() -> None:
    assert await copied(b"\xff\x00\n\n") == b"core   | \xff\x00\ncore   | \n"


async def test_an_endless_line_is_cut() -> None:
    text = await copied(b"x" * (3 * LONGEST_LINE_BYTES) + b"\n")
    lines = text.splitlines()
    assert b"".join(line.removeprefix(b"core   | ") for line in lines) == b"x" * (3 * LONGEST_LINE_BYTES)
    assert all(len(line) <= 2 * LONGEST_LINE_BYTES for line in lines)


async def test_colours_differ_and_end_before_the_text() -> None:
    assert await copied(b"one\n", colours=True) == b"\x1b[36mcore   |\x1b[0m one\n"


async def test_a_reader_that_went_away_blocks_nobody() -> None:
    class Gone(io.BytesIO):
        def write(self, _: object) -> int:
            raise BrokenPipeError

    reader = source(b"one\ntwo\n")
    await PrefixedLogs(Gone(), ["core"], colours=False).copy("core", reader)
    assert reader.at_eof()
