// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

// Purpose      y = low if bit = 0, high if bit = 1: one node of a decision tree.
// Private      bit, low, high: affine.
// Constraints  1.
// Caller       proves bit boolean: any other value mixes the branches.
template Select() {
    signal input bit;
    signal input low;
    signal input high;
    signal choice;
    signal output y;

    choice <== bit * (high - low);
    y <== low + choice;
}
