// SPDX-License-Identifier: GPL-3.0-or-later
// Cheating provers that go through the key, not through the constraints: their witnesses satisfy every constraint of the circuit.
import { buildBn128, type Curve } from "ffjavascript";
import { groth16 } from "snarkjs";
import { FIELD } from "../../offchain/core/poseidon-constants.ts";
import type { G1Point } from "../../offchain/core/zk/points.ts";
import type { Proof } from "../../offchain/core/zk/proof.ts";
import type { VerifyingKey } from "../../offchain/core/zk/verifying-key.ts";
import { GROUP_ROUND1, GROUP_WEIGHTS } from "../../offchain/engines/zk/keys/groups-file.ts";
import { g1OfLem, lemOfG1 } from "../../offchain/engines/zk/keys/lem-points.ts";
import { writeZkey } from "../../offchain/engines/zk/keys/zkey-file.ts";
import { writeWtns } from "../../offchain/engines/zk/r1cs/wtns.ts";
import type { DevelopmentKey } from "../../offchain/engines/zk/setup/make-development-key.ts";
import { finishToy, patchMultiplicity, runToy, type ToyCircuit, type ToyRun } from "./toy-circuit.ts";
import { publicsOf } from "./toy-proof.ts";

/** Whoever holds a key's files can do everything here. */
export class CheatingProver {
  readonly #key: DevelopmentKey;
  readonly #circuit: ToyCircuit;
  readonly #verifying: VerifyingKey;
  readonly #curve: Promise<Curve>;

  constructor(key: DevelopmentKey, circuit: ToyCircuit, verifying: VerifyingKey) {
    this.#key = key;
    this.#circuit = circuit;
    this.#verifying = verifying;
    this.#curve = buildBn128();
  }

  async close(): Promise<void> {
    await (await this.#curve).terminate();
  }

  /** Commits to `honest`, learns the challenge, opens to `lie`, whose values outside the table one multiplicity makes up for. */
  async lateOpening(honest: ToyRun, lie: ToyRun): Promise<Proof> {
    const blind = 12345n;
    const c1 = await this.#commit(GROUP_ROUND1, honest.values, blind);
    const publics = publicsOf(this.#verifying, lie, c1);
    const values = finishToy(this.#circuit, patchMultiplicity(this.#circuit, lie, publics[1] ?? 0n), publics);
    const stock = await this.#stock(values);
    // What section 8 added for the lie's round-1 wires must be worth the difference to what was committed.
    const { zkey, groups } = this.#key;
    const { G1, Fr } = await this.#curve;
    let c2 = stock.c;
    for (const wire of groups.find(({ tag }) => tag === GROUP_ROUND1)?.wires ?? []) {
      const at = (wire - zkey.publics - 1) * 64;
      const point = zkey.c.subarray(at, at + 64);
      c2 = G1.add(c2, G1.neg(G1.timesFr(point.slice(), Fr.fromRprLE(honest.values, wire * 32))));
    }
    return { ...stock, c1, c2: await this.#unblind(c2, blind) };
  }

  /** Registers `registered` weights, proves with those of `lie`, and moves the difference from C_w into C1. */
  async movedWeights(registered: ToyRun, lie: ToyRun): Promise<{ proof: Proof; weights: G1Point }> {
    const blind = 999n;
    const { G1 } = await this.#curve;
    const [have, used] = await Promise.all(
      [registered, lie].map(async ({ values }) => lemOfG1(await this.#commit(GROUP_WEIGHTS, values, 0n, false))),
    );
    const difference = G1.add(used as Uint8Array, G1.neg(have as Uint8Array));
    const c1 = g1OfLem(G1.toAffine(G1.add(lemOfG1(await this.#commit(GROUP_ROUND1, lie.values, blind)), difference)));
    const weights = g1OfLem(have as Uint8Array);
    const values = finishToy(this.#circuit, lie, publicsOf(this.#verifying, lie, c1, weights));
    const stock = await this.#stock(values);
    const c2 = await this.#unblind(stock.c, blind);
    return { proof: { ...stock, c1, c2 }, weights };
  }

  async #commit(tag: number, values: Uint8Array, blind: bigint, blinded = true): Promise<G1Point> {
    const { G1, Fr } = await this.#curve;
    const group = this.#key.groups.find((candidate) => candidate.tag === tag);
    let sum = blinded ? G1.timesFr(this.#key.zkey.delta1, Fr.e(blind)) : G1.zero;
    for (const [i, wire] of (group?.wires ?? []).entries()) {
      const point = group?.points.slice(i * 64, i * 64 + 64) ?? G1.zeroAffine;
      sum = G1.add(sum, G1.timesFr(point, Fr.fromRprLE(values, wire * 32)));
    }
    return g1OfLem(G1.toAffine(sum));
  }

  async #unblind(c2: Uint8Array, blind: bigint): Promise<G1Point> {
    const { G1, Fr } = await this.#curve;
    const delta1 = this.#key.groups.find(({ tag }) => tag === GROUP_ROUND1)?.delta1 ?? G1.zeroAffine;
    return g1OfLem(G1.toAffine(G1.add(c2, G1.neg(G1.timesFr(delta1, Fr.e(blind % FIELD))))));
  }

  async #stock(values: Uint8Array): Promise<Pick<Proof, "a" | "b" | "c2"> & { readonly c: Uint8Array }> {
    const { proof } = await groth16.prove(writeZkey(this.#key.zkey), writeWtns(values));
    const point = ([x, y]: readonly string[]): G1Point => ({ x: BigInt(x ?? 0), y: BigInt(y ?? 0) });
    const pair = ([c0, c]: readonly string[]): readonly [bigint, bigint] => [BigInt(c0 ?? 0), BigInt(c ?? 0)];
    const c2 = point(proof.pi_c);
    return { a: point(proof.pi_a), b: { x: pair(proof.pi_b[0]), y: pair(proof.pi_b[1]) }, c2, c: lemOfG1(c2) };
  }
}

/** A run whose inputs are outside the table: false, and no honest prover can prove it. */
export const lyingRun = (circuit: ToyCircuit): ToyRun =>
  runToy(
    circuit,
    Array.from({ length: 2 * circuit.rows }, (_, i) => (i === 1 ? 200 : i % 5)),
  );
