// SPDX-License-Identifier: Apache-2.0

/** A text of the house, in which what stands between backticks is a command or a name. */
export function Said({ text }: { text: string }) {
  return <>{text.split('`').map((part, i, all) => (i % 2 === 1 && i < all.length - 1 ? <code key={i}>{part}</code> : i % 2 === 1 ? `\`${part}` : part))}</>
}
