// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

include "Lookup.circom";

// Purpose      0 <= x < 2^(widths[0] + ... + widths[n-1]), or less if shift > 0, by looking up limbs in range tables.
// Public       c.
// Private      n >= 2. x: affine; limb[n-1]: limbs 1.. of x, lowest first; limb 0 is what is left of x.
// Out          r2_g[n], one a limb for the table of its width; if shift > 0, r2_g[n] for the table of the top limb.
// Constraints  n, plus 1 if shift > 0.
// Caller       adds each r2_g to the table of 2^width rows that belongs to it. With shift = 2^w - 2^k the top limb is below 2^k, which
//              makes the bound 2^(w0 + ... + k) exact; without it the bound is the tables' own. The sum of widths is at most 252.
template Range(n, widths, shift) {
    signal input c;
    signal input x;
    signal input limb[n - 1];
    signal output r2_g[n + (shift > 0 ? 1 : 0)];

    // Limb 0 is affine in x: a wrong limb leaves a remainder outside its table, as the widths do not wrap around the field.
    var rest = x;
    var offset = 0;
    for (var i = 1; i < n; i++) {
        offset += widths[i - 1];
        rest -= limb[i - 1] * (1 << offset);
    }
    component query[n + 1];
    for (var i = 0; i < n; i++) {
        query[i] = Lookup();
        query[i].c <== c;
        if (i == 0) { query[i].x <== rest; } else { query[i].x <== limb[i - 1]; }
        r2_g[i] <== query[i].r2_g;
    }
    if (shift > 0) {
        query[n] = Lookup();
        query[n].c <== c;
        query[n].x <== limb[n - 2] + shift;
        r2_g[n] <== query[n].r2_g;
    }
}
