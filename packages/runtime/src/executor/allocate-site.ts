import type { BufferSpec, DeviceBuffer } from './device-buffer.ts';
import type { SiteBuffers, SiteSpecs } from './site-buffers.ts';

/** Makes every buffer of a site; closes those that were made when one cannot be. */
export function allocateSite(
  { partials, inputs, outputs }: SiteSpecs,
  allocate: (spec: BufferSpec) => DeviceBuffer,
): SiteBuffers {
  const made: DeviceBuffer[] = [];
  const make = (spec: BufferSpec): DeviceBuffer => {
    const buffer = allocate(spec);
    made.push(buffer);
    return buffer;
  };
  const all = <K extends string>(specs: Readonly<Partial<Record<K, BufferSpec>>>) =>
    Object.fromEntries(
      Object.entries(specs).map(([name, spec]) => [name, make(spec as BufferSpec)]),
    ) as Partial<Record<K, DeviceBuffer>>;
  try {
    return { partials: partials.map(make), inputs: all(inputs), outputs: all(outputs) };
  } catch (error) {
    for (const buffer of made) buffer.close();
    throw error;
  }
}
