! Texts of a fixed length, which no base type describes, and texts whose length is known only at run time.
module natives
  implicit none
  type record
    integer(2) :: small
    logical(4) :: flag
    real(10) :: extended
    complex(4) :: pair
    character(len=7) :: text
    character(len=3, kind=4) :: wide
    character(len=:), allocatable :: deferred
    integer(8) :: last
  end type
  type(record), target :: example
end module
