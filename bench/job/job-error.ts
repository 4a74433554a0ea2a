/**
 * What stops the job and is said to the user without a stack: a wrong image, a failed verification.
 */
export class JobError extends Error {}
