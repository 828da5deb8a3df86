// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

// Purpose      The byte of a signed 8-bit x, in two's complement.
// Private      x: affine; sign = 1 if x < 0.
// Out          low = x + 128 * sign, byte = low + 128 * sign, affine.
// Constraints  1.
// Caller       proves low in [0, 128) exactly. Then x is in [-128, 127], sign is its sign and byte is in [0, 256): -128 must be
//              excluded by the caller where x is not known to be above it.
template SignedByte() {
    signal input x;
    signal input sign;
    signal output low;
    signal output byte;

    sign * (sign - 1) === 0;
    low <== x + 128 * sign;
    byte <== low + 128 * sign;
}
