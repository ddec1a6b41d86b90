"""What Python and numpy draw without a seed: it comes from the job's secret, so it repeats."""

import os
import random
import secrets
import uuid

import numpy as np
from losses_play import play

rng = np.random.default_rng()


def draw(_: int) -> list[object]:
    """One of each."""
    return [
        random.random(),
        random.SystemRandom().random(),
        np.random.random(),
        rng.random(),
        secrets.token_hex(4),
        uuid.uuid4(),
        os.urandom(4).hex(),
    ]


play(draw)
