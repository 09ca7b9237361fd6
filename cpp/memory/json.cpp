// The one place where boost::json is compiled.
#include <boost/json/src.hpp>
