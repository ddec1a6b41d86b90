"""The order of a set of words, which the seed of hashes decides."""

from losses_play import play

play(lambda step: list({f"word{number}-{step}" for number in range(8)}))
