// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

// Purpose      The four bytes, least significant first, of a signed 32-bit x in two's complement.
// Private      x: affine; byte[3]: the lower bytes; sign = 1 if x < 0.
// Out          low: the top byte without its sign bit; top: the top byte; both affine.
// Constraints  1.
// Caller       proves each byte[i] in [0, 256) and low in [0, 128), both exactly: byte 256 would alias another word.
template SignedWord() {
    signal input x;
    signal input byte[3];
    signal input sign;
    signal output low;
    signal output top;

    sign * (sign - 1) === 0;
    low <== (x + 2 ** 31 * sign - byte[0] - 2 ** 8 * byte[1] - 2 ** 16 * byte[2]) / 2 ** 24;
    top <== low + 128 * sign;
}
