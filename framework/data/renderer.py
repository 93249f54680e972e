"""What MuJoCo can draw with on a Linux machine without a screen: EGL, or else OSMesa.

Both libraries are tried, not just looked for: where EGL is installed without a driver, MuJoCo and dm_control could not
even be imported with it. dm_control decides when it is imported, Gymnasium when it first draws, by MUJOCO_GL; processes
that are started inherit the choice.
"""

import ctypes
import os
import platform
from collections.abc import Callable
from ctypes.util import find_library
from functools import cache

NEEDED = {"egl": "libegl1 libgl1-mesa-dri", "osmesa": "libosmesa6"}  # Debian packages
CALLED = {"egl": "EGL", "osmesa": "OSMesa"}
NONE = ("disable", "disabled", "off", "false", "0")
INSTALL = f"apt-get install {NEEDED['egl']} (EGL), or apt-get install {NEEDED['osmesa']} (OSMesa)"
PLATFORM_DEVICE = 0x313F  # EGL_PLATFORM_DEVICE_EXT


class NoRenderer(ValueError):
    """Nothing can be drawn here; the text says what to install."""


def headless() -> bool:
    """Whether this is a Linux machine without a screen."""
    return platform.system() == "Linux" and not os.environ.get("DISPLAY")


def choose_renderer() -> None:
    """Without a screen, sets MUJOCO_GL to what works, unless it is set already or nothing does."""
    if headless() and "MUJOCO_GL" not in os.environ and (found := working()):
        os.environ["MUJOCO_GL"] = found


def expect_renderer() -> None:
    """Raises `NoRenderer` where MuJoCo could not draw."""
    chosen = os.environ.get("MUJOCO_GL", "")
    if chosen in NONE:
        raise NoRenderer(f"MuJoCo cannot draw: MUJOCO_GL={chosen}")
    if headless() and not chosen:
        raise NoRenderer(f"MuJoCo cannot draw here: no screen, and neither EGL nor OSMesa works: {INSTALL}")


def explained(error: Exception) -> str:
    """One line for what went wrong where drawing began."""
    with_ = os.environ.get("MUJOCO_GL") or "the screen"
    return f"nothing can be drawn with {with_}: {type(error).__name__}: {' '.join(str(error).split())}: {INSTALL}"


@cache
def working() -> str | None:
    """`egl` or `osmesa`, the first that works, or None."""
    return next((name for name, works in TRIED.items() if works()), None)


def egl_works() -> bool:
    """Whether a device gives an EGL display, which is what MuJoCo asks for."""
    try:
        egl = ctypes.CDLL(find_library("EGL") or "libEGL.so.1")
        query = _extension(egl, b"eglQueryDevicesEXT", ctypes.c_uint, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
        display_of = _extension(
            egl, b"eglGetPlatformDisplayEXT", ctypes.c_void_p, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p
        )
    except (OSError, AttributeError, ValueError):
        return False
    devices, count = (ctypes.c_void_p * 16)(), ctypes.c_int()
    if not query(16, devices, ctypes.byref(count)):
        return False
    egl.eglInitialize.argtypes = [ctypes.c_void_p] * 3
    displays = [display_of(PLATFORM_DEVICE, device, None) for device in devices[: count.value]]
    return any(display and egl.eglInitialize(display, None, None) for display in displays)


def osmesa_works() -> bool:
    """Whether the library can be loaded."""
    try:
        ctypes.CDLL(find_library("OSMesa") or "libOSMesa.so.8")
    except OSError:
        return False
    return True


def _extension(egl: ctypes.CDLL, name: bytes, *types: type) -> Callable:
    """A function of EGL that has to be asked for; the first type is its result's."""
    egl.eglGetProcAddress.restype = ctypes.c_void_p
    address = egl.eglGetProcAddress(name)
    if not address:
        raise ValueError(f"EGL has no {name.decode()}")
    return ctypes.CFUNCTYPE(*types)(address)


TRIED = {"egl": egl_works, "osmesa": osmesa_works}
