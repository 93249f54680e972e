"""The seam of environments that draw small frames themselves, where their large ones would cost too much."""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray


class DrawsSmall(ABC):
    """An environment that draws square frames of any size."""

    @abstractmethod
    def draw(self, size: int, camera: int | str) -> NDArray[np.uint8]:
        """A frame `[size, size, 3]`; before the first reset it may show anything.

        Raises:
            ValueError: for a camera that there is not.
        """
