// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

// Purpose      Ties a one-round proof to its claim: the public ctx stands in a constraint, so no proof holds for another ctx.
// Public       ctx = h mod r.
// Private      square.
// Constraints  1.
// Caller       nothing.
template Context() {
    signal input ctx;
    signal square;

    square <== ctx * ctx;
}
