-- What the handlers of the kernel's tests write.
grant select, insert, update on effects to :"role";
