/** Writes a text into a message of so many bytes, as the group's exchange needs one size at every rank; what is longer is cut. */
export function encodeText(text: string, bytes: number): Uint8Array {
  const message = Buffer.alloc(bytes, ' ');
  message.write(text);
  return message;
}

/** Reads a text of {@link encodeText}. */
export const decodeText = (message: Uint8Array): string =>
  Buffer.from(message).toString().trimEnd();
