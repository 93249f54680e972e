"""What of an image's channels is shown, and as which pixels."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def newest_colours(images: Tensor) -> Tensor:
    """`[*B, C, H, W]` -> `[*B, 3, H, W]`: of a stack of frames the newest, of grey ones grey colours."""
    if images.shape[-3] % 3 == 0:
        return images[..., -3:, :, :]
    return images[..., -1:, :, :].expand(*images.shape[:-3], 3, -1, -1)


def pixels(images: Tensor) -> NDArray[np.uint8]:
    """`[*B, C, H, W]` in [0, 255] -> RGB `[*B, H, W, 3]`, rounded."""
    return newest_colours(images).float().clamp(0, 255).round().to(torch.uint8).movedim(-3, -1).cpu().numpy()
