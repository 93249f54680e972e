"""What of an image's channels is shown."""

from torch import Tensor


def newest_colours(images: Tensor) -> Tensor:
    """`[*B, C, H, W]` -> `[*B, 3, H, W]`: of a stack of frames the newest, of grey ones grey colours."""
    if images.shape[-3] % 3 == 0:
        return images[..., -3:, :, :]
    return images[..., -1:, :, :].expand(*images.shape[:-3], 3, -1, -1)
