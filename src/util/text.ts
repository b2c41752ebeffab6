// Text in fixed fields of bytes: UTF-8, and bytes that are none stand as lone surrogates U+DC80 to U+DCFF, so that nothing is lost
// [PEP 383 "surrogateescape"]. And names that are nearly right.

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const ESCAPE = 0xdc00;
const escaped = /[\udc80-\udcff]/;

export function textOf(bytes: Uint8Array): string {
  // A decoder takes no view of shared memory.
  const own = bytes.slice();
  try {
    return strict.decode(own);
  } catch {
    return decodeEscaping(own);
  }
}

function decodeEscaping(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at]!;
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    try {
      text += strict.decode(bytes.subarray(at, at + length));
      at += length;
    } catch {
      text += String.fromCharCode(ESCAPE + lead);
      at++;
    }
  }
  return text;
}

export function bytesOfText(text: string): Uint8Array {
  if (!escaped.test(text)) return new TextEncoder().encode(text);
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0)!;
    // A surrogate that has no partner: iteration gives pairs whole.
    if (code >= ESCAPE + 0x80 && code <= ESCAPE + 0xff) bytes.push(code - ESCAPE);
    else bytes.push(...new TextEncoder().encode(character));
  }
  return Uint8Array.from(bytes);
}

/** The name of `known` that `name` is most like, if it is like any: two mistakes, or a third of its letters. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) >= least) continue;
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

/** More names than this are not all listed. */
const MAX_LISTED = 30;

/** For messages: `; did you mean b? there are a, b`. `none`: what to say where there are no names. */
export function knownNames(name: string, known: readonly string[], none = 'there are none'): string {
  if (known.length === 0) return none;
  const nearest = nearestName(name, known);
  const listed =
    known.length <= MAX_LISTED ? known.join(', ') : `${known.slice(0, MAX_LISTED).join(', ')} and ${known.length - MAX_LISTED} more`;
  return `${nearest === undefined ? '' : `did you mean ${nearest}? `}there ${known.length === 1 ? 'is' : 'are'} ${listed}`;
}
