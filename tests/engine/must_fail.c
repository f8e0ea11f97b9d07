// The test that must fail. CTest expects it to (WILL_FAIL): if this passes, no test of this suite
// can fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_must_fail(void **state) {
    (void)state;
    assert_int_equal(1, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_must_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
