"""Learn final lines alone: the reasoning of a reply is read, and is no target."""


def answer_alone(row: tuple[list[int], list[int]], tokenizer: object) -> tuple[list[int], list[int]]:
    """The row (token ids, loss mask) with the reasoning masked: of each reply its last line alone is learnt.

    The token that holds the line's beginning is in, though it may hold the end of the line above as well.
    """
    ids, mask = row
    kept, end = [0] * len(mask), len(mask)
    while end:
        if not mask[end - 1]:
            end -= 1
            continue
        start = end
        while start and mask[start - 1] and not _has_its_last_line(ids[start:end], tokenizer):
            start -= 1
        kept[start:end] = [1] * (end - start)
        while start and mask[start - 1]:
            start -= 1
        end = start
    return ids, kept


def _has_its_last_line(ids: list[int], tokenizer: object) -> bool:
    """Whether the last line of a reply begins within these tokens, its last ones."""
    return "\n" in tokenizer.decode(ids, skip_special_tokens=True).rstrip()
