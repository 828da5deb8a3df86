// SPDX-License-Identifier: MIT

type Parcel = (stage: number, input: Uint8Array | null) => Uint8Array;

/** Keeps a copy of what the seats of each stage are given: what is sealed is wiped. By stage. */
export function keepParcels(make: Parcel): { readonly parcel: Parcel; readonly parcels: readonly Uint8Array[] } {
  const parcels: Uint8Array[] = [];
  const parcel: Parcel = (stage, input) => {
    const made = make(stage, input);
    parcels[stage] = made.slice();
    return made;
  };
  return { parcel, parcels };
}
