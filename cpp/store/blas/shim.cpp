// The one BLAS routine that Faiss's flat search calls, on Eigen: OpenBLAS would be most of the
// wheel's size. The other names that Faiss mentions belong to training of index kinds that are not
// used here.
#include <Eigen/Core>

#include "error.h"

extern "C" int sgemm_(const char* transa, const char* transb, const int* m, const int* n,
                      const int* k, const float* alpha, const float* a, const int* lda,
                      const float* b, const int* ldb, const float* beta, float* c, const int* ldc) {
  using Matrix = Eigen::MatrixXf;  // column-major, as BLAS
  using Strided = Eigen::OuterStride<>;
  const bool ta = *transa != 'N' && *transa != 'n';
  const bool tb = *transb != 'N' && *transb != 'n';
  const Eigen::Map<const Matrix, 0, Strided> left(a, ta ? *k : *m, ta ? *m : *k, Strided(*lda));
  const Eigen::Map<const Matrix, 0, Strided> right(b, tb ? *n : *k, tb ? *k : *n, Strided(*ldb));
  Eigen::Map<Matrix, 0, Strided> out(c, *m, *n, Strided(*ldc));
  if (*beta == 0)
    out.setZero();
  else
    out *= *beta;
  if (ta && tb)
    out.noalias() += *alpha * left.transpose() * right.transpose();
  else if (ta)
    out.noalias() += *alpha * left.transpose() * right;
  else if (tb)
    out.noalias() += *alpha * left * right.transpose();
  else
    out.noalias() += *alpha * left * right;
  return 0;
}

// Faiss's transforms (PCA, OPQ and the like) mention these; nothing here trains them. They throw
// rather than abort, should a later index kind reach one.
#define MEMGPT_ABSENT(name) \
  extern "C" int name() { throw memgpt::StoreError(#name " is not built in: no index needs it"); }

MEMGPT_ABSENT(dgemm_)
MEMGPT_ABSENT(dgesvd_)
MEMGPT_ABSENT(dsyev_)
MEMGPT_ABSENT(sgeqrf_)
MEMGPT_ABSENT(sgesvd_)
MEMGPT_ABSENT(sorgqr_)
MEMGPT_ABSENT(ssyrk_)
