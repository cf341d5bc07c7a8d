/** Character codes that the scanners compare with. */
export const NEWLINE = 0x0a;
export const SPACE = 0x20;
export const HASH = 0x23;
export const PERCENT = 0x25;
export const QUOTE = 0x22;
export const APOSTROPHE = 0x27;
export const OPEN = 0x28;
export const CLOSE = 0x29;
export const STAR = 0x2a;
export const COMMA = 0x2c;
export const MINUS = 0x2d;
export const DOT = 0x2e;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;
export const EQUALS = 0x3d;
export const OPEN_SQUARE = 0x5b;
export const BACKSLASH = 0x5c;
export const CLOSE_SQUARE = 0x5d;
export const OPEN_CURLY = 0x7b;
export const CLOSE_CURLY = 0x7d;

/** 1: may begin a Python identifier, 2: digit. Characters beyond ASCII may stand in identifiers. */
const CLASSES = new Uint8Array(128);
for (let c = 0x41; c <= 0x5a; c += 1) CLASSES[c] = CLASSES[c + 0x20] = 1;
CLASSES[0x5f] = 1;
for (let c = 0x30; c <= 0x39; c += 1) CLASSES[c] = 2;

export function isIdentifierStart(code: number): boolean {
  return code < 128 ? CLASSES[code] === 1 : code >= 128;
}

export function isIdentifierPart(code: number): boolean {
  return code < 128 ? CLASSES[code] !== 0 : code >= 128;
}

export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** End of the identifier that begins at `at`. */
export function identifierEnd(text: string, at: number): number {
  let end = at;
  while (isIdentifierPart(text.charCodeAt(end))) end += 1;
  return end;
}

/** Offset behind the string literal whose opening quote stands at `at` (also triple quotes), or -1 when it does not end. */
export function stringEnd(text: string, at: number): number {
  const quote = text.charCodeAt(at);
  const triple = text.charCodeAt(at + 1) === quote && text.charCodeAt(at + 2) === quote;
  for (let end = at + (triple ? 3 : 1); end < text.length; end += 1) {
    const code = text.charCodeAt(end);
    if (code === BACKSLASH) end += 1;
    else if (code === quote) {
      if (!triple) return end + 1;
      if (text.charCodeAt(end + 1) === quote && text.charCodeAt(end + 2) === quote) return end + 3;
    } else if (code === NEWLINE && !triple) return -1;
  }
  return -1;
}
