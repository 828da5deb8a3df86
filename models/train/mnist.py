"""The MNIST files as arrays, and varied images of them."""
import numpy as np


def idx(path, header):
    return np.frombuffer(open(path, "rb").read(), dtype=np.uint8, offset=header)


def load(folder, name):
    images = idx(f"{folder}/{name}-images-idx3-ubyte", 16).reshape(-1, 28, 28).astype(np.float32) / 256
    return images, idx(f"{folder}/{name}-labels-idx1-ubyte", 8).astype(np.int32)


def augment(images, rng, angle, scale, shift):
    """Random rotation (degrees), scaling and shift (pixels) with bilinear sampling, zero outside."""
    n = len(images)
    a = np.deg2rad(rng.uniform(-angle, angle, n)).astype(np.float32)
    z = rng.uniform(1 - scale, 1 + scale, n).astype(np.float32)
    dy, dx = rng.uniform(-shift, shift, (2, n)).astype(np.float32)
    yy, xx = np.mgrid[0:28, 0:28].astype(np.float32) - 13.5
    c, s = (np.cos(a) / z)[:, None, None], (np.sin(a) / z)[:, None, None]
    y = c * yy - s * xx + 13.5 + dy[:, None, None] + 2
    x = s * yy + c * xx + 13.5 + dx[:, None, None] + 2
    y, x = np.clip(y, 0, 30.99), np.clip(x, 0, 30.99)
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    y0, x0 = y.astype(np.int32), x.astype(np.int32)
    fy, fx, i = y - y0, x - x0, np.arange(n)[:, None, None]
    top = padded[i, y0, x0] * (1 - fx) + padded[i, y0, x0 + 1] * fx
    bottom = padded[i, y0 + 1, x0] * (1 - fx) + padded[i, y0 + 1, x0 + 1] * fx
    return top * (1 - fy) + bottom * fy
