// Error numbers as calls return them: negative. [uapi errno.h]
export const ERRNO = {
  EPERM: -1, ENOENT: -2, E2BIG: -7, EAGAIN: -11, ENOMEM: -12, EACCES: -13, EFAULT: -14, EBUSY: -16, EEXIST: -17, ENODEV: -19,
  EINVAL: -22, ENOSPC: -28, ERANGE: -34, EDEADLK: -35, EPROTO: -71, EOVERFLOW: -75, ENOPROTOOPT: -92, EOPNOTSUPP: -95,
  EAFNOSUPPORT: -97, EALREADY: -114, ENOTSUPP: -524,
} as const; // biome-ignore format: a table
