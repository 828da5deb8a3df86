// SPDX-License-Identifier: GPL-3.0-or-later
import { defineErrors } from "../../../core/errors.ts";

const CLOSE = "Close the connection and open a new channel; the job's other seats are not affected.";

export const ChannelError = defineErrors("tee", 6, {
  CHANNEL_HANDSHAKE: { n: 30, text: "The channel's handshake failed: {detail}.", fix: CLOSE, retry: "now" },
  CHANNEL_PEER: {
    n: 31,
    text: "The channel's other end is not the scheduled enclave: {detail}.",
    fix: "Compare schedule, registry and clock; someone may stand in between.",
    retry: "never",
  },
  CHANNEL_FRAME: { n: 32, text: "A channel frame is refused: {detail}.", fix: CLOSE, retry: "now" },
  CHANNEL_TRUNCATED: {
    n: 33,
    text: "The channel ended before its transfer did: {detail}.",
    fix: "Ask for the transfer again over a new channel; a part of a tensor is never used.",
    retry: "now",
  },
  CHANNEL_ORDER: {
    n: 34,
    text: "The channel is not ready for this: {detail}.",
    fix: "Send data only after both ends are confirmed, and nothing after an abort.",
    retry: "never",
  },
});
