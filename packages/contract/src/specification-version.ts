import { SpecificationVersionError } from './errors/errors.ts';

/** The one version of the backend, table and plan contracts that exists so far. */
export const SPECIFICATION_VERSION = 1;

/** Versions that this release of arfuse accepts. */
export const SUPPORTED_SPECIFICATION_VERSIONS: readonly number[] = [SPECIFICATION_VERSION];

/**
 * Refuses a document or plug-in of an unknown specification version.
 * @param what - what carries the version, e.g. `backend "@acme/fast"`
 * @param version - the value found
 * @throws {@link SpecificationVersionError}
 */
export function requireSpecificationVersion(what: string, version: unknown): void {
  if (typeof version === 'number' && SUPPORTED_SPECIFICATION_VERSIONS.includes(version)) return;
  const supported = SUPPORTED_SPECIFICATION_VERSIONS.join(', ');
  throw new SpecificationVersionError({
    message: `${what} has specificationVersion ${JSON.stringify(version)}; this release supports ${supported}.`,
    hint:
      typeof version === 'number' && version > SPECIFICATION_VERSION
        ? 'Upgrade @arfuse/core, or install an older release of that package.'
        : 'Upgrade that package to one that declares a supported specificationVersion.',
    details: { what, version, supported: SUPPORTED_SPECIFICATION_VERSIONS },
  });
}
