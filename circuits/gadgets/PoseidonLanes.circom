// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

include "PoseidonConstants.circom";

// Purpose      circomlib's Poseidon of n field elements without a linear constraint; lanes known at compile time are free.
// Parameters   n = 2 or 16; elements first..first+free-1 come as signals, the others stand in known[n].
// In           in[free]: any field elements.
// Out          out: Poseidon of the n elements.
// Constraints  3 an S-box with an unknown input: 234 + 3 free (n = 2), 561 + 3 free (n = 16).
// Caller       nothing: every S-box has one value for one input, so out is a function of in.
//
// The state is kept as affine forms over S-box outputs, in vars: mixing costs nothing. The last round computes lane 0 of the mix
// alone, and its last product carries the output.
template PoseidonLanes(n, first, free, known) {
    var t = n + 1;
    var partialRounds = 57;
    if (t == 17) { partialRounds = 68; }
    var full[8][t] = poseidonFull(t);
    var matrix[t][t] = poseidonMatrix(t);
    var bridge[t][t] = poseidonBridge(t);
    var partial[partialRounds][2 * t - 1] = poseidonPartial(t);
    var boxes = free + 7 * t + partialRounds;

    signal input in[free];
    signal output out;

    // x^2, x^4, x^5 of each S-box; x itself is affine. x^4 stands on side A: only side B costs G2 work.
    signal square[boxes];
    signal fourth[boxes];
    signal fifth[boxes - 1];

    var state[t];
    var after[t];
    var box = 0;
    var x;

    // Round 0. The capacity lane is 0, so its S-box has a constant output, and so have known lanes.
    for (var i = 0; i < t; i++) { after[i] = 0; }
    for (var i = 0; i < t; i++) {
        if (i > first && i <= first + free) {
            x = in[i - 1 - first] + full[0][i];
            square[box] <== x * x;
            fourth[box] <== square[box] * square[box];
            fifth[box] <== fourth[box] * x;
            for (var j = 0; j < t; j++) { after[j] += matrix[j][i] * fifth[box]; }
            box++;
        } else {
            var constant = full[0][i];
            if (i > 0) { constant += known[i - 1]; }
            for (var j = 0; j < t; j++) { after[j] += matrix[j][i] * constant ** 5; }
        }
    }
    for (var i = 0; i < t; i++) { state[i] = after[i]; }

    // Rounds 1, 2, 3; the matrix of round 3 has absorbed what makes the partial rounds' matrices sparse.
    for (var round = 1; round < 4; round++) {
        for (var i = 0; i < t; i++) { after[i] = 0; }
        for (var i = 0; i < t; i++) {
            x = state[i] + full[round][i];
            square[box] <== x * x;
            fourth[box] <== square[box] * square[box];
            fifth[box] <== fourth[box] * x;
            for (var j = 0; j < t; j++) {
                if (round == 3) { after[j] += bridge[j][i] * fifth[box]; } else { after[j] += matrix[j][i] * fifth[box]; }
            }
            box++;
        }
        for (var i = 0; i < t; i++) { state[i] = after[i]; }
    }
    // Partial rounds: one S-box; the other lanes only gain multiples of it.
    for (var round = 0; round < partialRounds; round++) {
        x = state[0] + partial[round][0];
        square[box] <== x * x;
        fourth[box] <== square[box] * square[box];
        fifth[box] <== fourth[box] * x;
        var head = matrix[0][0] * fifth[box];
        for (var i = 1; i < t; i++) {
            head += partial[round][i] * state[i];
            state[i] += partial[round][n + i] * fifth[box];
        }
        state[0] = head;
        box++;
    }
    for (var round = 4; round < 7; round++) {
        for (var i = 0; i < t; i++) { after[i] = 0; }
        for (var i = 0; i < t; i++) {
            x = state[i] + full[round][i];
            square[box] <== x * x;
            fourth[box] <== square[box] * square[box];
            fifth[box] <== fourth[box] * x;
            for (var j = 0; j < t; j++) { after[j] += matrix[j][i] * fifth[box]; }
            box++;
        }
        for (var i = 0; i < t; i++) { state[i] = after[i]; }
    }
    // Round 7. Lane 0's S-box comes last: its fifth power, scaled, plus the other lanes' is the output.
    var rest = 0;
    for (var i = 1; i < t; i++) {
        x = state[i] + full[7][i];
        square[box] <== x * x;
        fourth[box] <== square[box] * square[box];
        fifth[box] <== fourth[box] * x;
        rest += matrix[0][i] * fifth[box];
        box++;
    }
    x = state[0] + full[7][0];
    square[box] <== x * x;
    fourth[box] <== square[box] * square[box];
    out <== fourth[box] * (matrix[0][0] * x) + rest;
}
